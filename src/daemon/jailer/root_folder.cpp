#include "daemon/jailer/root_folder.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "daemon/backends/jail_profile.h"

// <sys/mount.h> and <linux/mount.h> contradict each other in Debian 12.
extern "C" int mount(const char* source, const char* target, const char* type, unsigned long flags, const void* data);
extern "C" int umount2(const char* target, int flags);

namespace sluice::jailer {
namespace {

constexpr unsigned long ms_nosuid = 2, ms_nodev = 4, ms_noexec = 8, ms_rec = 16384, ms_private = 1 << 18;
constexpr int mnt_detach = 2;
// The root holds folders and empty files to mount on. /tmp is for the compiler and the linker, and counts as the
// worker's memory.
constexpr const char* root_options = "mode=0755,size=1m,nr_inodes=4k";
constexpr const char* tmp_options = "mode=0700,size=256m,nr_inodes=16k,uid=";
constexpr const char* new_root = "/tmp";
// What drivers are told to keep compiled code in. The worker lets the link point to the tenant's cache once it has one.
constexpr const char* cache_link = "tmp/cache";
constexpr const char* first_cache = "tmp/kernels";

int set_attributes(int fd, const char* path, unsigned flags, std::uint64_t set) {
  mount_attr attributes{};
  attributes.attr_set = set;
  return static_cast<int>(syscall(SYS_mount_setattr, fd, path, flags, &attributes, sizeof attributes));
}

// Makes the folders above `path`, which is relative. 0, or an error of errno(3).
int make_parents(const std::string& path) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return errno;
  }
  return 0;
}

Status mount_on(const char* type, const char* target, unsigned long flags, const char* options) {
  if (mkdir(target, 0755) != 0 && errno != EEXIST) return errno_status(std::string("make /") + target, errno);
  if (mount(type, target, type, flags, options) != 0) return errno_status(std::string("mount /") + target, errno);
  return Status();
}

}  // namespace

Status RootFolder::add(const std::string& path, bool writable, bool device, bool required) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0)
    return errno == ENOENT && !required ? Status() : errno_status("look at " + path, errno);
  if (S_ISLNK(info.st_mode) && !required) {
    char target[PATH_MAX];
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length <= 0) return errno_status("read the link " + path, errno);
    links_.push_back({path, std::string(target, static_cast<std::size_t>(length))});
    return Status();
  }
  if (stat(path.c_str(), &info) != 0) return errno_status("look at " + path, errno);
  Bind bind{path, UniqueFd(), S_ISDIR(info.st_mode), writable, device};
  // With what is mounted below: a copy without it would show what those mounts hide, which the kernel refuses.
  constexpr unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
  bind.tree.reset(static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path.c_str(), flags)));
  if (!bind.tree.valid()) return errno_status("open the tree " + path, errno);
  const std::uint64_t attributes =
      MOUNT_ATTR_NOSUID | (device ? 0 : MOUNT_ATTR_NODEV) | (writable ? 0 : MOUNT_ATTR_RDONLY);
  if (set_attributes(bind.tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, attributes) != 0)
    return errno_status("protect " + path, errno);
  binds_.push_back(std::move(bind));
  return Status();
}

Result<RootFolder> RootFolder::open(const Options& options) {
  RootFolder root;
  root.owner_ = options.without.has(Fence::user_namespace) ? options.uid : 0;
  root.own_processes_ = !options.without.has(Fence::pid_namespace);
  Status status;
  const auto add = [&](const std::string& path, bool writable, bool device, bool required) {
    if (status.ok()) status = root.add(path, writable, device, required);
  };
  const auto add_profile = [&](const backend::JailProfile& profile) {
    for (const char* path : profile.readable) add(path, false, false, false);
    for (const char* path : profile.devices) add(path, true, true, false);
    if (!profile.device_files.empty() && backend::has_devices(profile))
      for (const char* path : profile.device_files) add(path, false, false, false);
  };
  for (const backend::JailProfile* profile : backend::jail_profiles()) add_profile(*profile);
  add_profile(backend::base_jail_profile());
  if (!root.own_processes_) add("/proc", true, false, true);
  for (const std::string& path : options.readable) add(path, false, false, true);
  for (const std::string& path : options.writable) add(path, true, false, true);
  if (!status.ok()) return status;
  return root;
}

Status RootFolder::place(const Bind& bind) const {
  const std::string path = bind.path.substr(1);
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0 && !bind.folder && info.st_size > 0) return Status();  // in a folder bound before
  if (const int error = make_parents(path); error != 0)  // EROFS: hidden by a folder bound before
    return error == EROFS ? Status() : errno_status("make the folders above " + bind.path, error);
  if (bind.folder) {
    if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST && errno != EROFS)
      return errno_status("make the folder " + bind.path, errno);
  } else {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file.valid() && errno != EROFS && errno != EEXIST) return errno_status("make the file " + bind.path, errno);
  }
  if (syscall(SYS_move_mount, bind.tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return errno_status("mount " + bind.path, errno);
  return Status();
}

Status RootFolder::enter() const {
  if (mount("none", "/", nullptr, ms_rec | ms_private, nullptr) != 0) return errno_status("make mounts private", errno);
  if (mount("tmpfs", new_root, "tmpfs", ms_nosuid | ms_nodev, root_options) != 0)
    return errno_status("mount an empty root", errno);
  if (chdir(new_root) != 0) return errno_status("enter the new root", errno);
  const std::string options = tmp_options + std::to_string(owner_);
  SLUICE_TRY(mount_on("tmpfs", "tmp", ms_nosuid | ms_nodev, options.c_str()));
  if (mkdir(first_cache, 0700) != 0 || chown(first_cache, owner_, owner_) != 0 || symlink("kernels", cache_link) != 0)
    return errno_status("make a folder for compiled code", errno);
  if (own_processes_) SLUICE_TRY(mount_on("proc", "proc", ms_nosuid | ms_nodev | ms_noexec, nullptr));
  for (const Bind& bind : binds_) SLUICE_TRY(place(bind));
  for (const Link& link : links_) {
    if (const int error = make_parents(link.path.substr(1)); error != 0)
      return errno_status("make the folders above " + link.path, error);
    if (symlink(link.target.c_str(), link.path.c_str() + 1) != 0 && errno != EEXIST && errno != EROFS)
      return errno_status("make the link " + link.path, errno);
  }
  if (syscall(SYS_pivot_root, ".", ".") != 0) return errno_status("change the root", errno);
  if (umount2(".", mnt_detach) != 0) return errno_status("leave the old root", errno);
  if (chdir("/") != 0) return errno_status("enter the root", errno);
  if (set_attributes(AT_FDCWD, "/", 0, MOUNT_ATTR_RDONLY) != 0) return errno_status("protect the root", errno);
  return Status();
}

Status RootFolder::protect_settings() {
  constexpr const char* settings = "/proc/sys";
  const UniqueFd tree(
      static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, settings, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!tree.valid() || set_attributes(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY) != 0 ||
      syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, settings, MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return errno_status("protect the system's settings", errno);
  return Status();
}

}  // namespace sluice::jailer
