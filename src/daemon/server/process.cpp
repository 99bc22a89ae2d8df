#include "daemon/server/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "daemon/cgroups/group_files.h"
#include "daemon/sessions/worker_link.h"

namespace sluice::server {
namespace {

// The two attribute objects of posix_spawn, with their ends.
struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

int fill_in(SpawnSettings& settings, int link, int log) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int error = posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  for (const int output : {STDOUT_FILENO, STDERR_FILENO})
    if (error == 0) error = posix_spawn_file_actions_adddup2(&settings.files, log, output);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&settings.files, link, worker_link_fd);
  if (error == 0) error = posix_spawnattr_setsigmask(&settings.attributes, &none);
  if (error == 0) error = posix_spawnattr_setsigdefault(&settings.attributes, &all);
  if (error == 0) error = posix_spawnattr_setpgroup(&settings.attributes, 0);
  if (error == 0)
    error = posix_spawnattr_setflags(&settings.attributes,
                                     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  return error;
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

Result<Process> start_process(const ProcessStart& start, int link) {
  SpawnSettings settings;
  if (const int error = fill_in(settings, link, start.log); error != 0) return errno_status("prepare a process", error);
  std::vector<std::string> words{start.program};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  Process process;
  const int error = posix_spawn(&process.pid, start.program.c_str(), &settings.files, &settings.attributes,
                                pointers_to(words).data(), pointers_to(start.environment).data());
  if (error != 0) return errno_status("start " + start.program, error);
  process.child = true;
  process.pidfd = open_pidfd(process.pid);  // an unreaped child: its number cannot have been used again
  if (!process.pidfd.valid()) {
    const int open_error = errno;
    kill(process.pid, SIGKILL);
    waitpid(process.pid, nullptr, 0);
    return errno_status("open a pidfd", open_error);
  }
  for (const std::string& file : start.cgroup_files)
    if (const int refused = cgroups::kernel_group_files().write(file, std::to_string(process.pid)); refused != 0) {
      end_process(process);
      return errno_status("write to " + file, refused);
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

void end_aside(Aside& aside, Process process, std::function<void()> next) {
  aside.run(Aside::nobody, [ending = std::make_shared<Process>(std::move(process)), next = std::move(next)] {
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
