#include "daemon/jailer/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace sluice::jailer {
namespace {

constexpr unsigned secure_bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

struct Limit {
  decltype(RLIMIT_CORE) what;
  rlim_t value;
};
// A worker's threads and descriptors stay far below; what is zero it never needs.
constexpr Limit limits[] = {{RLIMIT_CORE, 0},         {RLIMIT_MSGQUEUE, 0},      {RLIMIT_RTPRIO, 0},
                            {RLIMIT_NICE, 0},         {RLIMIT_MEMLOCK, 0},       {RLIMIT_NOFILE, 4096},
                            {RLIMIT_SIGPENDING, 256}, {RLIMIT_FSIZE, 1ull << 30}};

Status limit_resources() {
  for (const Limit& limit : limits) {
    rlimit now{};
    if (getrlimit(limit.what, &now) != 0) return errno_status("read a limit", errno);
    const rlim_t value = now.rlim_max < limit.value ? now.rlim_max : limit.value;
    const rlimit then{value, value};
    if (setrlimit(limit.what, &then) != 0) return errno_status("set a limit", errno);
  }
  return Status();
}

// Where the daemon is no root it cannot leave its groups, which are its user's anyhow.
Status leave_groups() {
  if (setgroups(0, nullptr) == 0 || errno == EPERM) return Status();
  return errno_status("leave the groups", errno);
}

Status become(unsigned uid, unsigned gid) {
  SLUICE_TRY(leave_groups());
  if (setresgid(gid, gid, gid) != 0) return errno_status("become the session's group", errno);
  if (setresuid(uid, uid, uid) != 0) return errno_status("become the session's user", errno);
  return Status();
}

Status drop_capabilities() {
  for (int capability = 0; capability <= 63; ++capability)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL)
      return errno_status("drop a capability for good", errno);
  if (prctl(PR_SET_SECUREBITS, secure_bits, 0, 0, 0) != 0) return errno_status("lock the capabilities", errno);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, none) != 0) return errno_status("drop the capabilities", errno);
  return Status();
}

}  // namespace

Status become_namespace_owner(const Options& options) {
  return options.without.has(Fence::user_namespace) ? Status() : become(0, 0);
}

void forbid_user_namespaces(const Options& options) {
  if (options.without.has(Fence::user_namespace)) return;
  const UniqueFd file(open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC));
  if (file.valid()) (void)!write(file.get(), "0", 1);  // a second fence: the filter of system calls holds without it
}

Status drop_privileges(const Options& options) {
  SLUICE_TRY(limit_resources());
  // A process that changes its user loses its capabilities, but needs one of them below to drop the bounding set.
  const bool changes_user = options.without.has(Fence::user_namespace) && geteuid() == 0 && options.uid != 0;
  if (changes_user && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return errno_status("keep the capabilities", errno);
  if (changes_user) SLUICE_TRY(become(options.uid, options.gid));
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, has) != 0) return errno_status("look at the capabilities", errno);
  if (has[0].permitted != 0) {
    for (auto& half : has) half.effective = half.permitted;
    if (syscall(SYS_capset, &header, has) != 0) return errno_status("use the capabilities", errno);
    SLUICE_TRY(drop_capabilities());
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_status("forbid new privileges", errno);
  return Status();
}

}  // namespace sluice::jailer
