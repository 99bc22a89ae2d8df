#include "daemon/server/runtime/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace sluice::server {
namespace {

constexpr int exit_not_started = 126;
constexpr int first_free_fd = 64;

// What the child needs, made before it exists: between clone and exec it may only make system calls, since another
// thread of the daemon may have held any lock.
struct Preparation {
  std::vector<char*> words, variables;
  const char* program = nullptr;
  std::vector<int> groups;       // cgroup.procs of the control groups that it joins
  std::vector<int> descriptors;  // in the order of their new numbers, from 0
  int go = -1, go_write = -1;
  bool keeps_capabilities = false;
};

std::uint64_t namespaces_of(const FenceSet& without) {
  constexpr std::pair<Fence, std::uint64_t> flags[] = {{Fence::user_namespace, CLONE_NEWUSER},
                                                       {Fence::pid_namespace, CLONE_NEWPID},
                                                       {Fence::mount_namespace, CLONE_NEWNS},
                                                       {Fence::network_namespace, CLONE_NEWNET},
                                                       {Fence::ipc_namespace, CLONE_NEWIPC}};
  std::uint64_t all = 0;
  for (const auto& [fence, flag] : flags)
    if (!without.has(fence)) all |= flag;
  // The host's name is worth no fence of its own.
  return all & CLONE_NEWUSER ? all | CLONE_NEWUTS : all;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

// The C library's own wrapper cannot be linked from C++ in Debian 12 (glibc 2.36).
UniqueFd open_pidfd(pid_t pid) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

namespace {

void default_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) (void)sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
}

// First out of the way of the numbers that they are to have.
bool place_descriptors(std::vector<int>& descriptors) {
  for (int& fd : descriptors)
    if ((fd = fcntl(fd, F_DUPFD, first_free_fd)) < 0) return false;
  int number = 0;
  for (const int fd : descriptors)
    if (dup2(fd, number++) < 0) return false;
  return syscall(SYS_close_range, number, ~0U, 0) == 0;
}

// Of its new user namespace, over the next execve: there the daemon's user is nobody, and would lose them.
void keep_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return;
  for (auto& half : sets) half.inheritable = half.permitted;
  if (syscall(SYS_capset, &header, sets) != 0) return;
  for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability)
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

// By itself, because a process that joins a group may wait for milliseconds: the daemon does not.
bool join_groups(const std::vector<int>& groups) {
  for (const int group : groups)
    if (write(group, "0", 1) != 1) return false;
  return true;
}

[[noreturn]] void give_up(std::string_view complaint) {
  (void)!write(STDERR_FILENO, complaint.data(), complaint.size());
  _exit(exit_not_started);
}

// In the child. Only system calls.
[[noreturn]] void become_program(Preparation& child) {
  (void)close(child.go_write);
  char go = 0;
  // Nothing comes: the daemon could not prepare the namespaces, or is gone.
  if (read(child.go, &go, 1) != 1) _exit(exit_not_started);
  const bool joined = join_groups(child.groups);
  if (!place_descriptors(child.descriptors)) _exit(exit_not_started);
  if (!joined) give_up("cannot join its control group\n");
  default_signals();
  if (child.keeps_capabilities) keep_capabilities();
  (void)setsid();
  execve(child.program, child.words.data(), child.variables.data());
  give_up("cannot execute the jailer\n");
}

Status write_file(const std::string& path, const std::string& text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return errno_status("open " + path, errno);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return errno_status("write " + path, errno);
  return Status();
}

// See user_namespaces(7). Who is not root may map himself alone, and must give up to leave groups.
Status map_user(pid_t pid, unsigned uid, unsigned gid) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/";
  SLUICE_TRY(write_file(folder + "uid_map", "0 " + std::to_string(uid) + " 1"));
  if (geteuid() != 0) SLUICE_TRY(write_file(folder + "setgroups", "deny"));
  return write_file(folder + "gid_map", "0 " + std::to_string(gid) + " 1");
}

Status prepare(const ProcessStart& start, const Process& process) {
  if (start.without.has(Fence::user_namespace)) return Status();
  return map_user(process.pid, start.uid, start.gid);
}

Result<Process> clone_into(std::uint64_t namespaces, Preparation& child) {
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = namespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) become_program(child);
  if (pid < 0) return errno_status("start a process in namespaces of its own", errno);
  Process process;
  process.pid = static_cast<pid_t>(pid);
  process.pidfd.reset(pidfd);
  process.child = true;
  return process;
}

}  // namespace

Result<Process> start_process(const ProcessStart& start) {
  int go[2];
  if (pipe2(go, O_CLOEXEC) != 0) return errno_status("make a pipe", errno);
  const UniqueFd go_read(go[0]);
  UniqueFd go_write(go[1]);
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return errno_status("open /dev/null", errno);
  std::vector<std::string> words{start.program};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  const int log = start.log >= 0 ? start.log : STDERR_FILENO;
  Preparation child{pointers_to(words),     pointers_to(start.environment),
                    start.program.c_str(),  {},
                    {null.get(), log, log}, go_read.get(),
                    go_write.get(),         !start.without.has(Fence::user_namespace)};
  std::vector<UniqueFd> groups;
  for (const std::string& file : start.cgroup_files) {
    groups.emplace_back(open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!groups.back().valid()) return errno_status("open " + file, errno);
    child.groups.push_back(groups.back().get());
  }
  child.descriptors.insert(child.descriptors.end(), start.descriptors.begin(), start.descriptors.end());
  Process process = SLUICE_TRY(clone_into(namespaces_of(start.without), child));
  if (Status prepared = prepare(start, process); !prepared.ok()) {
    go_write.reset();
    end_process(process);
    return prepared;
  }
  if (write(go_write.get(), "g", 1) != 1) {
    end_process(process);
    return errno_status("let a process go", errno);
  }
  return process;
}

void kill_process(const Process& process) {
  if (process.pidfd.valid()) (void)syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGKILL, nullptr, 0);
}

void end_process(Process& process) {
  kill_process(process);
  siginfo_t info{};
  if (process.child) (void)waitid(P_PIDFD, static_cast<id_t>(process.pidfd.get()), &info, WEXITED);
}

void end_in_background(BlockingTasks& tasks, Process process, std::function<void()> next) {
  tasks.run(BlockingTasks::no_user, [ending = std::make_shared<Process>(std::move(process)), next = std::move(next)] {
    end_process(*ending);
    next();
  });
}

std::string describe_end(const Process& process) {
  siginfo_t info{};
  const int look = WEXITED | WNOHANG | WNOWAIT;
  if (!process.child || waitid(P_PIDFD, static_cast<id_t>(process.pidfd.get()), &info, look) != 0) return "ended";
  if (info.si_code == CLD_EXITED) return "exited with status " + std::to_string(info.si_status);
  return "was killed by signal " + std::to_string(info.si_status) + " (" + strsignal(info.si_status) + ")";
}

}  // namespace sluice::server
