#include "daemon/worker/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>

// Rights that the kernel headers of Debian 12 do not know yet.
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

namespace sluice::worker {
namespace {

constexpr std::uint64_t read_rights =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t first_rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // all of ABI 1
constexpr std::uint64_t file_rights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                                      LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
                                      LANDLOCK_ACCESS_FS_IOCTL_DEV;

// What drivers, their compiler and its linker read. Not /etc or /proc as a whole: other people's secrets are there.
constexpr const char* readable[] = {"/usr",
                                    "/lib",
                                    "/lib32",
                                    "/lib64",
                                    "/bin",
                                    "/sbin",
                                    "/opt",
                                    "/etc/OpenCL",
                                    "/etc/alternatives",
                                    "/etc/ld.so.cache",
                                    "/etc/ld.so.conf",
                                    "/etc/ld.so.conf.d",
                                    "/etc/localtime",
                                    "/proc/self",
                                    "/proc/cpuinfo",
                                    "/proc/meminfo",
                                    "/proc/stat",
                                    "/proc/sys/vm",
                                    "/proc/driver",
                                    "/sys/devices",
                                    "/sys/class",
                                    "/sys/bus",
                                    "/sys/module",
                                    "/dev/urandom",
                                    "/dev/random",
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
                                    "/proc/self/exe",  // for the names in a sanitizer's report
#endif
                                    "/dev/zero"};
constexpr const char* device_nodes[] = {"/dev/null",       "/dev/dri",         "/dev/kfd",           "/dev/nvidia0",
                                        "/dev/nvidia1",    "/dev/nvidia2",     "/dev/nvidia3",       "/dev/nvidia4",
                                        "/dev/nvidia5",    "/dev/nvidia6",     "/dev/nvidia7",       "/dev/nvidiactl",
                                        "/dev/nvidia-uvm", "/dev/nvidia-caps", "/dev/nvidia-modeset"};

std::uint64_t rights_of_abi(long abi) {
  std::uint64_t rights = first_rights;
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
  if (abi >= 5) rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
  return rights;
}

// A path that is not there needs no rule.
Status allow(int rules, const char* path, std::uint64_t rights) {
  const UniqueFd fd(::open(path, O_PATH | O_CLOEXEC));
  if (!fd.valid()) return errno == ENOENT ? Status() : errno_status(std::string("open ") + path, errno);
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return errno_status(std::string("look at ") + path, errno);
  landlock_path_beneath_attr rule{};
  rule.parent_fd = fd.get();
  rule.allowed_access = S_ISDIR(info.st_mode) ? rights : rights & file_rights;
  if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return errno_status(std::string("allow ") + path, errno);
  return Status();
}

}  // namespace

Result<UniqueFd> make_file_rules(const std::vector<std::string>& writable) {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return Status(Code::unsupported, "the kernel has no Landlock");
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = rights_of_abi(abi);
  UniqueFd rules(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0)));
  if (!rules.valid()) return errno_status("make a Landlock rule set", errno);
  Status status;
  const auto add = [&](const char* path, std::uint64_t rights) {
    if (status.ok()) status = allow(rules.get(), path, rights & attributes.handled_access_fs);
  };
  for (const char* path : readable) add(path, read_rights);
  for (const char* path : device_nodes)
    add(path, read_rights | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_IOCTL_DEV);
  for (const std::string& path : writable) add(path.c_str(), attributes.handled_access_fs);
  if (!status.ok()) return status;
  return rules;
}

bool apply_file_rules(int rules) { return syscall(SYS_landlock_restrict_self, rules, 0) == 0; }

}  // namespace sluice::worker
