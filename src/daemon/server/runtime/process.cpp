#include "daemon/server/runtime/process.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "daemon/server/runtime/process_child.h"

namespace sluice::server {
namespace {

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

Result<Process> clone_into(std::uint64_t namespaces, ProcessChild& child) {
  int pidfd = -1;
  const pid_t pid = clone_child(namespaces, child, pidfd);
  if (pid < 0) return errno_status("start a process in namespaces of its own", errno);
  Process process;
  process.pid = pid;
  process.pidfd.reset(pidfd);
  process.child = true;
  return process;
}

// What a ProcessChild points to.
struct Preparation {
  std::vector<std::string> words;
  std::vector<char*> argv, environment;
  std::vector<int> descriptors, groups;
  std::vector<UniqueFd> opened;
  UniqueFd go_read, go_write;
};

Result<int> open_file(Preparation& preparation, const std::string& path, int access) {
  preparation.opened.emplace_back(open(path.c_str(), access | O_CLOEXEC));
  if (!preparation.opened.back().valid()) return errno_status("open " + path, errno);
  return preparation.opened.back().get();
}

Status open_descriptors(const ProcessStart& start, Preparation& preparation) {
  int go[2];
  if (pipe2(go, O_CLOEXEC) != 0) return errno_status("make a pipe", errno);
  preparation.go_read.reset(go[0]);
  preparation.go_write.reset(go[1]);
  const int null = SLUICE_TRY(open_file(preparation, "/dev/null", O_RDWR));
  const int log = start.log >= 0 ? start.log : STDERR_FILENO;
  preparation.descriptors = {null, log, log};
  preparation.descriptors.insert(preparation.descriptors.end(), start.descriptors.begin(), start.descriptors.end());
  for (const std::string& file : start.cgroup_files)
    preparation.groups.push_back(SLUICE_TRY(open_file(preparation, file, O_WRONLY)));
  return Status();
}

ProcessChild child_of(const ProcessStart& start, Preparation& preparation) {
  preparation.words = start.arguments;
  preparation.words.insert(preparation.words.begin(), start.program);
  preparation.argv = pointers_to(preparation.words);
  preparation.environment = pointers_to(start.environment);
  ProcessChild child;
  child.program = start.program.c_str();
  child.words = preparation.argv.data();
  child.variables = preparation.environment.data();
  child.groups = preparation.groups.data();
  child.group_count = static_cast<int>(preparation.groups.size());
  child.descriptors = preparation.descriptors.data();
  child.descriptor_count = static_cast<int>(preparation.descriptors.size());
  if (!start.cpus.empty()) {
    child.cpus = start.cpus.words().data();
    child.cpu_bytes = start.cpus.words().size_bytes();
  }
  child.go = preparation.go_read.get();
  child.go_write = preparation.go_write.get();
  child.keeps_capabilities = !start.without.has(Fence::user_namespace);
  return child;
}

Status let_go(const ProcessStart& start, const Process& process, const UniqueFd& go) {
  if (!start.without.has(Fence::user_namespace)) SLUICE_TRY(map_user(process.pid, start.uid, start.gid));
  return write(go.get(), "g", 1) == 1 ? Status() : errno_status("let a process go", errno);
}

}  // namespace

Result<Process> start_process(const ProcessStart& start) {
  Preparation preparation;
  SLUICE_TRY(open_descriptors(start, preparation));
  ProcessChild child = child_of(start, preparation);
  Process process = SLUICE_TRY(clone_into(namespaces_of(start.without), child));
  if (Status gone = let_go(start, process, preparation.go_write); !gone.ok()) {
    end_process(process);
    return gone;
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
