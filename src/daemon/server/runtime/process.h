// A worker's process, as the daemon holds it: by pidfd, so that a number used again can never be mistaken for it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/cpu_set.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/server/runtime/blocking_tasks.h"
#include "daemon/sessions/fences.h"

namespace sluice::server {

struct Process {
  pid_t pid = -1;
  UniqueFd pidfd;      // readable once the process has ended
  bool child = false;  // ours to reap; an adopted worker is not
};

// Not valid: there is no such process, or no descriptor to be had.
UniqueFd open_pidfd(pid_t pid);

struct ProcessStart {
  std::string program;                    // an absolute path
  std::vector<std::string> arguments;     // without the program's name
  std::vector<std::string> environment;   // "NAME=value", all of it
  std::vector<int> descriptors;           // become 3 (worker_link_fd), 4, ...
  int log = -1;                           // becomes stdout and stderr; -1: the daemon's stderr
  FenceSet without;                       // namespaces that it does not get
  unsigned uid = 0, gid = 0;              // the user of the machine that the owner of its user namespace is
  std::vector<std::string> cgroup_files;  // cgroup.procs of the groups that it joins before it runs
  CpuSet cpus;                            // that it is bound to before it runs; empty: those of the daemon
};

// Starts it as the first process of namespaces of its own (clone(2), namespaces(7)): user, process, mount, network, IPC
// and UTS, but for those of `without`. In its user namespace it is uid 0, which is `uid` outside. Nothing on stdin, in
// a session of its own (a ^C for the daemon is not for its workers), all signals at their defaults, and no other
// descriptor of the daemon's. Its death ends all processes that it has started, if it has a process namespace.
//
// Returns before the program runs: if that cannot be executed, the process ends with status 126 and says why in its
// log.
Result<Process> start_process(const ProcessStart& start);

// Ends it at once. Harmless if it has ended already.
void kill_process(const Process& process);

// Ends it and waits for that: for a process that was just started and is not wanted after all.
void end_process(Process& process);

// Ends it on a thread of its own, waits for its end there, and then runs `next`.
void end_in_background(BlockingTasks& tasks, Process process, std::function<void()> next);

// How it ended, for people: "exited with status 1", "was killed by signal 11 (Segmentation fault)".
// The zombie stays: until end_process() its processor time can be read. REQUIRES: the pidfd is readable.
std::string describe_end(const Process& process);

}  // namespace sluice::server
