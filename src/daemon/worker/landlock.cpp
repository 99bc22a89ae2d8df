#include "daemon/worker/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>

#include "daemon/backends/jail_profile.h"

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
constexpr std::uint64_t device_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                                        LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_IOCTL_DEV;
// What is no file, folder or link, a driver has no use for.
constexpr std::uint64_t made_rights = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                      LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK;
constexpr std::uint64_t first_rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // all of ABI 1
constexpr std::uint64_t file_rights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                                      LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
                                      LANDLOCK_ACCESS_FS_IOCTL_DEV;

// Of /proc, beside what the jail profiles name. Other processes' folders are not there, or not theirs to read.
constexpr const char* readable_in_proc[] = {"/proc/self", "/proc/cpuinfo", "/proc/meminfo",
                                            "/proc/stat", "/proc/sys/vm",  "/proc/driver"};

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

// The version of Landlock's interface; below 1: there is none.
long landlock_abi() { return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION); }

}  // namespace

Status file_rules_available() {
  return landlock_abi() >= 1 ? Status() : Status(Code::unsupported, "the kernel has no Landlock");
}

Result<UniqueFd> make_file_rules(const FilePaths& paths) {
  const long abi = landlock_abi();
  if (abi < 1) return file_rules_available();
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = rights_of_abi(abi);
  UniqueFd rules(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0)));
  if (!rules.valid()) return errno_status("make a Landlock rule set", errno);
  Status status;
  const auto add = [&](const char* path, std::uint64_t rights) {
    if (status.ok()) status = allow(rules.get(), path, rights & attributes.handled_access_fs);
  };
  const auto add_profile = [&](const backend::JailProfile& profile) {
    for (const char* path : profile.readable) add(path, read_rights);
    for (const char* path : profile.devices) add(path, device_rights);
    if (!profile.device_files.empty() && backend::has_devices(profile))
      for (const char* path : profile.device_files) add(path, read_rights & ~LANDLOCK_ACCESS_FS_EXECUTE);
  };
  add_profile(backend::base_jail_profile());
  for (const backend::JailProfile* profile : backend::jail_profiles()) add_profile(*profile);
  for (const char* path : readable_in_proc) add(path, read_rights & ~LANDLOCK_ACCESS_FS_EXECUTE);
  for (const std::string& path : paths.readable) add(path.c_str(), read_rights);
  // What a kernel has written it shall not run as a program. A library in it can be loaded all the same.
  const std::uint64_t write_rights = attributes.handled_access_fs & ~(LANDLOCK_ACCESS_FS_EXECUTE | made_rights);
  for (const std::string& path : paths.writable) add(path.c_str(), write_rights);
  if (!status.ok()) return status;
  return rules;
}

bool apply_file_rules(int rules) { return syscall(SYS_landlock_restrict_self, rules, 0) == 0; }

}  // namespace sluice::worker
