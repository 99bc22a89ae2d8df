// A new process between clone and exec.
//
// Another thread of the daemon may have held any lock when it was cloned, so it makes system calls and nothing else: no
// allocation, no function of the C library that a sanitizer interposes, no code that a sanitizer instruments (this
// file's is compiled without; ThreadSanitizer's locks are locks like any other).
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace sluice::server {

// All that it needs, made before it exists, in memory that it has a copy of.
struct ProcessChild {
  const char* program = nullptr;  // an absolute path
  char* const* words = nullptr;   // ends with null, as do the variables
  char* const* variables = nullptr;
  const int* groups = nullptr;  // cgroup.procs of the control groups that it joins
  int group_count = 0;
  int* descriptors = nullptr;  // in the order of their new numbers, from 0
  int descriptor_count = 0;
  const unsigned long* cpus = nullptr;  // as sched_setaffinity(2) takes them; null: all
  unsigned long cpu_bytes = 0;
  int go = -1, go_write = -1;       // a pipe: it waits for a byte at one end and closes its copy of the other
  bool keeps_capabilities = false;  // of its new user namespace
};

constexpr int exit_not_started = 126;

// Clones the daemon into these namespaces (flags of clone(2)). The child waits for the byte, joins the groups, binds
// itself to the CPUs, places the descriptors and executes the program; what it cannot do ends it with status 126.
// Returns its process number and sets `pidfd`, or -1 with errno.
pid_t clone_child(std::uint64_t namespaces, ProcessChild& child, int& pidfd);

}  // namespace sluice::server
