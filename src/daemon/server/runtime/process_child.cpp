#include "daemon/server/runtime/process_child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::server {
namespace {

constexpr int first_free_fd = 64;

[[noreturn]] void end_unstarted() {
  for (;;) syscall(SYS_exit_group, exit_not_started);
}

[[noreturn]] void give_up(const char* complaint) {
  unsigned long bytes = 0;
  while (complaint[bytes] != '\0') ++bytes;
  (void)syscall(SYS_write, STDERR_FILENO, complaint, bytes);
  end_unstarted();
}

// The kernel's own layout, all zero: the default action, no flags, an empty mask.
struct DefaultAction {
  unsigned long handler, flags, restorer, mask;
};

void default_signals() {
  DefaultAction standard{};
  for (int number = 1; number < NSIG; ++number)
    (void)syscall(SYS_rt_sigaction, number, &standard, nullptr, sizeof standard.mask);
  (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &standard.mask, nullptr, sizeof standard.mask);
}

// First out of the way of the numbers that they are to have.
bool place_descriptors(int* descriptors, int count) {
  for (int i = 0; i < count; ++i) {
    descriptors[i] = static_cast<int>(syscall(SYS_fcntl, descriptors[i], F_DUPFD, first_free_fd));
    if (descriptors[i] < 0) return false;
  }
  for (int number = 0; number < count; ++number)
    if (syscall(SYS_dup3, descriptors[number], number, 0) < 0) return false;
  return syscall(SYS_close_range, count, ~0U, 0) == 0;
}

// Over the next execve: in its user namespace the daemon's user is nobody, and would lose them.
void keep_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return;
  for (auto& half : sets) half.inheritable = half.permitted;
  if (syscall(SYS_capset, &header, sets) != 0) return;
  for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability)
    (void)syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

// By itself, because a process that joins a group may wait for milliseconds: the daemon does not.
bool join_groups(const int* groups, int count) {
  for (int i = 0; i < count; ++i)
    if (syscall(SYS_write, groups[i], "0", 1) != 1) return false;
  return true;
}

// After it has joined its groups: a cpuset of cgroup v1 binds whoever enters it anew. All that it starts inherits this.
bool stay_on(const unsigned long* cpus, unsigned long bytes) {
  return cpus == nullptr || syscall(SYS_sched_setaffinity, 0, bytes, cpus) == 0;
}

[[noreturn]] void become_program(ProcessChild& child) {
  (void)syscall(SYS_close, child.go_write);
  char go = 0;
  // Nothing comes: the daemon could not prepare the namespaces, or is gone.
  if (syscall(SYS_read, child.go, &go, 1) != 1) end_unstarted();
  const bool joined = join_groups(child.groups, child.group_count);
  const bool bound = stay_on(child.cpus, child.cpu_bytes);
  if (!place_descriptors(child.descriptors, child.descriptor_count)) end_unstarted();
  if (!joined) give_up("cannot join its control group\n");
  if (!bound) give_up("cannot bind itself to the CPUs of its card\n");
  default_signals();
  if (child.keeps_capabilities) keep_capabilities();
  (void)syscall(SYS_setsid);
  (void)syscall(SYS_execve, child.program, child.words, child.variables);
  give_up("cannot execute the jailer\n");
}

}  // namespace

pid_t clone_child(std::uint64_t namespaces, ProcessChild& child, int& pidfd) {
  clone_args arguments{};
  arguments.flags = namespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) become_program(child);
  return static_cast<pid_t>(pid);
}

}  // namespace sluice::server
