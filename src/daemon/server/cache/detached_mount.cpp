#include "daemon/server/cache/detached_mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/contract.h"

namespace sluice::server {
namespace {

// The C library has no functions for these before version 2.36.
int open_tree(const char* path) {
  return static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW));
}

// 0, or an error of errno(3). Called by a child of a process with threads: system calls alone.
int restrict_mount(int mount, int id_map) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (id_map >= 0) {
    attributes.attr_set |= MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<std::uint64_t>(id_map);
  }
  return syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0 ? 0 : errno;
}

Status failure(const std::string& folder, int error) {
  const std::string what = "make a mount of " + folder + ": " + std::strerror(error);
  if (error == EPERM || error == EACCES) return Status(Code::permission_denied, "cannot " + what);
  return Status(Code::unsupported, "cannot " + what);
}

// Without the C library's fork(): no handlers run, and the child makes system calls alone.
pid_t clone_child(unsigned long flags) {
  return static_cast<pid_t>(syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

Status write_map(pid_t child, const char* file, std::uint32_t owner, std::uint32_t shown) {
  const std::string path = "/proc/" + std::to_string(child) + "/" + file;
  const std::string line = std::to_string(owner) + " " + std::to_string(shown) + " 1\n";
  const UniqueFd map(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!map.valid() || write(map.get(), line.data(), line.size()) < 0) return errno_status("write " + path, errno);
  return Status();
}

}  // namespace

Result<UniqueFd> detach_mount(const std::string& folder, int id_map) {
  UniqueFd mount(open_tree(folder.c_str()));
  if (!mount.valid()) return failure(folder, errno);
  if (const int error = restrict_mount(mount.get(), id_map); error != 0) return failure(folder, error);
  return mount;
}

Result<UniqueFd> detach_by_child(const std::string& folder) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno_status("make a pipe", errno);
  const UniqueFd from_child(ends[0]);
  UniqueFd to_parent(ends[1]);
  // One table of descriptors for both: the child's mount is here at once.
  const pid_t child = clone_child(CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS);
  if (child == 0) {
    int result = open_tree(folder.c_str());
    if (result < 0) result = -errno;
    else if (const int error = restrict_mount(result, -1); error != 0) result = -error;
    (void)!write(to_parent.get(), &result, sizeof result);
    _exit(0);
  }
  if (child < 0) return failure(folder, errno);
  int result = 0;
  const bool told = waitpid(child, nullptr, 0) == child && read(from_child.get(), &result, sizeof result) > 0;
  if (!told) return Status(Code::internal, "the child that makes a mount of " + folder + " died");
  if (result < 0) return failure(folder, -result);
  return UniqueFd(result);
}

// ---- IdMaps ----

IdMaps::~IdMaps() { reap(true); }

Result<int> IdMaps::shown_as(std::uint32_t uid) {
  SLUICE_REQUIRE(geteuid() == 0);
  reap(false);
  if (const auto found = maps_.find(uid); found != maps_.end()) return found->second.get();
  if (maps_.size() >= maps_max) maps_.erase(maps_.begin());
  // Only its namespace is wanted: it need not even have run when it is killed.
  const pid_t parent = getpid();
  const pid_t child = clone_child(CLONE_FILES | CLONE_NEWUSER);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) pause();
    _exit(0);
  }
  if (child < 0) return errno_status("make a user namespace", errno);
  Status mapped = write_map(child, "uid_map", owner_, uid);
  if (mapped.ok()) mapped = write_map(child, "gid_map", owner_, uid);
  UniqueFd map(open(("/proc/" + std::to_string(child) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  if (mapped.ok() && !map.valid()) mapped = errno_status("open a user namespace", errno);
  kill(child, SIGKILL);
  killed_.push_back(child);
  if (!mapped.ok()) return mapped;
  return maps_.emplace(uid, std::move(map)).first->second.get();
}

void IdMaps::reap(bool wait) {
  std::erase_if(killed_, [wait](pid_t child) { return waitpid(child, nullptr, wait ? 0 : WNOHANG) != 0; });
}

}  // namespace sluice::server
