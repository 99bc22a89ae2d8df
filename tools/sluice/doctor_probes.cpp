#include "tools/sluice/doctor_probes.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>

#include "base/unique_fd.h"
#include "daemon/cgroups/cgroups.h"

namespace sluice::cli {
namespace {

constexpr uid_t trial_uid = 700'000;
// Where the system's headers are older than the kernel.
constexpr int seal_future_write = 0x0010;
constexpr long futex_waitv_number = 449;

std::string refused(const std::string& what) { return what + ": " + std::strerror(errno); }

bool write_file(const char* path, const std::string& text) {
  const UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  return file.valid() && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string read_line(const char* path) {
  const std::string text = cgroups::kernel_group_files().read(path);
  return text.substr(0, text.find('\n'));
}

// ---- namespaces ----

// Into a user namespace as its root, and into others with it. Empty: it is done.
std::string enter(int namespaces) {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (unshare(CLONE_NEWUSER | namespaces) != 0) return refused("the kernel gives out no such namespace");
  (void)write_file("/proc/self/setgroups", "deny");
  if (!write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") ||
      !write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1"))
    return refused("users cannot be mapped in a user namespace");
  return "";
}

// The settings by which distributions keep user namespaces from ordinary users.
std::string namespace_advice() {
  if (read_line("/proc/sys/user/max_user_namespaces") == "0") return " (sysctl user.max_user_namespaces is 0)";
  if (read_line("/proc/sys/kernel/unprivileged_userns_clone") == "0")
    return " (sysctl kernel.unprivileged_userns_clone is 0)";
  if (read_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1")
    return " (sysctl kernel.apparmor_restrict_unprivileged_userns is 1)";
  return "";
}

std::string try_namespace(int namespaces) {
  const std::string problem = enter(namespaces);
  return problem.empty() ? "" : problem + namespace_advice();
}

std::string try_pid_namespace() {
  if (const std::string problem = try_namespace(CLONE_NEWPID); !problem.empty()) return problem;
  return try_in_process([] { return getpid() == 1 ? "" : "its first process is not number 1"; });
}

// What a worker's root is made of: an empty file system, and a /proc of its own processes.
std::string try_mount_namespace() {
  if (const std::string problem = try_namespace(CLONE_NEWNS | CLONE_NEWPID); !problem.empty()) return problem;
  return try_in_process([]() -> std::string {
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return refused("mounts cannot be made private");
    if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, nullptr) != 0) return refused("tmpfs cannot be mounted");
    if (mkdir("/tmp/proc", 0755) != 0 ||
        mount("proc", "/tmp/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
      return refused("/proc cannot be mounted (is part of it hidden, as in a container?)");
    return "";
  });
}

std::string try_own_uid() {
  if (geteuid() != 0) return "only root can give each session a user id of its own";
  if (setresgid(trial_uid, trial_uid, trial_uid) != 0 || setresuid(trial_uid, trial_uid, trial_uid) != 0)
    return refused("a process cannot take the user id " + std::to_string(trial_uid));
  return "";
}

// ---- filters ----

std::string try_seccomp() {
  sock_filter program[]{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter{sizeof program / sizeof program[0], program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("privileges cannot be given up for good");
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
    return refused("the kernel takes no filter of system calls");
  return syscall(SYS_getppid) == -1 && errno == EXDEV ? "" : "a filter of system calls has no effect";
}

long landlock_abi() { return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION); }

std::string try_landlock() {
  if (landlock_abi() < 1)
    return refused(errno == EOPNOTSUPP ? "Landlock is switched off (put it into the kernel's lsm= list)"
                                       : "this kernel has no Landlock (5.13 and later have it)");
  landlock_ruleset_attr rules{};
  rules.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE;
  const UniqueFd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0)));
  if (!ruleset.valid() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return refused("Landlock cannot be entered");
  const UniqueFd file(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  return file.valid() ? "Landlock has no effect" : "";
}

// ---- memory ----

std::string try_sealed_memory() {
  const UniqueFd memory(memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid() || ftruncate(memory.get(), 4096) != 0) return refused("no memory to share");
  if (fcntl(memory.get(), F_ADD_SEALS, seal_future_write | F_SEAL_SHRINK | F_SEAL_GROW) != 0)
    return refused("memory cannot be sealed against writers (F_SEAL_FUTURE_WRITE, Linux 5.1 and later)");
  void* mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  return mapped == MAP_FAILED ? "" : "sealed memory can be mapped for writing";
}

// ---- control groups ----

std::string enter_and_leave(const cgroups::WorkerCgroup& group) {
  return try_in_process([&group]() -> std::string {
    for (const std::string& file : group.procs_files())
      if (!write_file(file.c_str(), "0")) return refused("a process cannot enter by " + file);
    return "";
  });
}

std::string try_cgroup(const DoctorOptions& options) {
  const cgroups::GroupFiles& files = cgroups::kernel_group_files();
  const auto trees = cgroups::find_hierarchies(files, files.read("/proc/self/mountinfo"));
  cgroups::PoolGroup place{options.cgroup, "doctor-" + std::to_string(getpid())};
  if (place.group.empty()) place.group = cgroups::default_group(files, trees, files.read("/proc/self/cgroup"));
  const auto pool = cgroups::Cgroups::open(files, trees, place);
  if (!pool.ok()) return pool.status().message();
  const auto group = pool.value().make(1, {64 << 20, 16, 500});
  const std::string problem = group.ok() ? enter_and_leave(group.value()) : group.status().message();
  if (group.ok()) group.value().removal()();
  pool.value().remove();
  return problem;
}

// "cpu (v1); memory (v1)", or "cpu memory pids (v2)".
std::string cgroup_detail() {
  const cgroups::GroupFiles& files = cgroups::kernel_group_files();
  std::string controllers;
  for (const cgroups::Hierarchy& tree : cgroups::find_hierarchies(files, files.read("/proc/self/mountinfo")))
    if (tree.controllers.any())
      controllers +=
          (controllers.empty() ? "" : "; ") + tree.controllers.to_string() + (tree.unified ? " (v2)" : " (v1)");
  return controllers;
}

// ---- features ----

std::string nearest_folder(std::filesystem::path path) {
  std::error_code error;
  while (path.has_relative_path() && !std::filesystem::is_directory(path, error)) path = path.parent_path();
  return path;
}

// A user namespace with one user mapped, held open by its file.
UniqueFd namespace_for_mapping() {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return UniqueFd();
  const UniqueFd read_end(ready[0]);
  UniqueFd write_end(ready[1]);
  const pid_t child = fork();
  if (child == 0) {
    (void)unshare(CLONE_NEWUSER);
    (void)!write(write_end.get(), "r", 1);
    pause();
    _exit(0);
  }
  char byte;
  write_end.reset();
  (void)!read(read_end.get(), &byte, 1);
  const std::string process = "/proc/" + std::to_string(child);
  const std::string map = "0 " + std::to_string(trial_uid) + " 1";
  UniqueFd held;
  if (write_file((process + "/uid_map").c_str(), map) && write_file((process + "/gid_map").c_str(), map))
    held.reset(open((process + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return held;
}

std::string try_idmapped_mount(const std::string& folder) {
  if (geteuid() != 0) return "only root can mount with other ids";
  const UniqueFd users = namespace_for_mapping();
  if (!users.valid()) return refused("no user namespace to map ids by");
  const UniqueFd tree(
      static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree.valid()) return refused(folder + " cannot be cloned as a mount");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(users.get());
  if (syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    return refused("the file system of " + folder + " takes no id mapping");
  return "";
}

std::string try_futex_waitv() {
  (void)syscall(futex_waitv_number, nullptr, 0, 0, nullptr, 0);
  return errno == ENOSYS ? "this kernel has none (5.16 and later have it)" : "";
}

std::string try_pidfd() {
  const UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  return self.valid() ? "" : refused("processes cannot be held by a descriptor (Linux 5.3 and later)");
}

std::string try_cgroup_kill() {
  const cgroups::GroupFiles& files = cgroups::kernel_group_files();
  for (const cgroups::Hierarchy& tree : cgroups::find_hierarchies(files, files.read("/proc/self/mountinfo"))) {
    if (!tree.unified) continue;
    for (const std::string& group : files.folders(tree.mount))
      if (files.exists(tree.mount + "/" + group + "/cgroup.kill")) return "";
    const std::string trial = tree.mount + "/sluice-doctor-" + std::to_string(getpid());
    if (files.make_folder(trial) != 0) return "no group of version 2 to look at";
    const bool found = files.exists(trial + "/cgroup.kill");
    (void)files.remove_folder(trial);
    return found ? "" : "this kernel has none (5.14 and later have it); processes are ended one by one";
  }
  return "version 2 is not mounted; processes are ended one by one";
}

Finding examine(const std::string& name, std::optional<Fence> fence, const std::function<std::string()>& trial,
                const std::string& detail) {
  const std::string problem = try_in_process(trial);
  return {name, fence, problem.empty(), fence.has_value(), problem.empty() ? detail : problem};
}

Finding examine(Fence fence, const std::function<std::string()>& trial, const std::string& detail) {
  return examine(std::string(fence_name(fence)), fence, trial, detail);
}

}  // namespace

std::string try_in_process(const std::function<std::string()>& trial) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return refused("no pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t child = fork();
  if (child < 0) return refused("no process");
  if (child == 0) {
    const std::string said = trial() + '\n';  // so that silence is no success
    (void)!write(write_end.get(), said.data(), said.size());
    _exit(0);
  }
  write_end.reset();
  pollfd said{read_end.get(), POLLIN, 0};
  const bool answered = poll(&said, 1, static_cast<int>(trial_ns_max / ns_per_ms)) == 1;
  std::string text(4096, '\0');
  const ssize_t length = answered ? read(read_end.get(), text.data(), text.size()) : 0;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  if (!answered) return "the trial does not end";
  if (length <= 0) return "the trial was ended by the system";
  text.resize(static_cast<std::size_t>(length) - 1);
  return text;
}

std::vector<Finding> find_fences(const DoctorOptions& options) {
  const std::string abi = "version " + std::to_string(std::max(landlock_abi(), 0l));
  Finding own_uid = examine(Fence::own_uid, try_own_uid, "");
  own_uid.needed = geteuid() == 0;  // in a user's own pool all workers are that user's
  const Finding cgroup = examine(
      Fence::cgroup, [&] { return try_cgroup(options); }, cgroup_detail());
  return {
      examine(
          Fence::user_namespace, [] { return try_namespace(0); }, ""),
      examine(Fence::pid_namespace, try_pid_namespace, ""),
      examine(Fence::mount_namespace, try_mount_namespace, ""),
      examine(
          Fence::network_namespace, [] { return try_namespace(CLONE_NEWNET); }, ""),
      examine(
          Fence::ipc_namespace, [] { return try_namespace(CLONE_NEWIPC); }, ""),
      own_uid,
      examine(Fence::seccomp, try_seccomp, ""),
      examine(Fence::landlock, try_landlock, abi),
      cgroup,
      examine(
          Fence::evidence, [] { return ""; },
          cgroup.available ? "the daemon's clock, and CPU time by control group" : "the daemon's clock alone"),
      examine(Fence::sealed_terms, try_sealed_memory, "F_SEAL_FUTURE_WRITE"),
      examine(
          Fence::budgets, [] { return ""; }, ""),
  };
}

std::vector<Finding> find_features(const DoctorOptions& options) {
  const std::string cache = nearest_folder(options.cache);
  return {
      examine(
          "idmapped-mounts", {}, [&] { return try_idmapped_mount(cache); }, "on the file system of " + cache),
      examine("cgroup-kill", {}, try_cgroup_kill, ""),
      examine("pidfd", {}, try_pidfd, ""),
      examine("futex-waitv", {}, try_futex_waitv, ""),
  };
}

FenceSet missing_fences(const std::vector<Finding>& findings) {
  FenceSet missing;
  for (const Finding& finding : findings)
    if (finding.fence && finding.needed && !finding.available) missing.add(*finding.fence);
  return missing;
}

}  // namespace sluice::cli
