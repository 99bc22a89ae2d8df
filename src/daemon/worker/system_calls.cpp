#include "daemon/worker/system_calls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>

#include <cerrno>
#include <string_view>

#include "daemon/backends/jail_profile.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

namespace sluice::worker {
namespace {

constexpr scmp_datum_t new_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr scmp_datum_t special_bits = S_ISUID | S_ISGID | S_ISVTX;
// Memory that no limit of the session's counts.
constexpr scmp_datum_t uncounted_maps = MAP_HUGETLB | MAP_LOCKED;

// Locks, flags, seals: nothing that sends signals (F_SETOWN, F_SETSIG, F_NOTIFY, F_SETLEASE).
constexpr int fcntl_commands[] = {F_DUPFD,     F_DUPFD_CLOEXEC, F_GETFD,    F_SETFD,     F_GETFL,
                                  F_SETLK,     F_SETLKW,        F_GETLK,    F_OFD_SETLK, F_OFD_SETLKW,
                                  F_OFD_GETLK, F_GET_SEALS,     F_ADD_SEALS};
constexpr int prctl_options[] = {PR_SET_NAME,     PR_GET_NAME,         PR_GET_DUMPABLE,
                                 PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_SET_VMA};
constexpr unsigned long plain_ioctls[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIOCLEX, FIONCLEX};

// Only at start, while the worker shuts its jail and joins its session.
constexpr const char* start_calls[] = {"seccomp",
                                       "listen",
                                       "symlink",
                                       "symlinkat",
                                       "landlock_create_ruleset",
                                       "landlock_add_rule",
                                       "landlock_restrict_self"};
constexpr int start_prctl_options[] = {PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP};

scmp_arg_cmp equals(unsigned argument, scmp_datum_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp masked(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {}
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // By name, because numbers differ between processors; one that this processor or libseccomp does not know is skipped.
  template <typename... Comparison>
  void add(std::uint32_t action, const char* name, Comparison... comparison) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR) add(action, number, comparison...);
  }
  template <typename... Comparison>
  void add(std::uint32_t action, int number, Comparison... comparison) {
    if (error_ != 0) return;
    const int error = seccomp_rule_add(context_, action, number, sizeof...(comparison), comparison...);
    if (error != -EDOM && error != 0) error_ = -error;
  }
  template <typename... Comparison>
  void allow(const char* name, Comparison... comparison) {
    add(SCMP_ACT_ALLOW, name, comparison...);
  }

  Status load() {
    if (error_ == 0) error_ = -seccomp_attr_set(context_, SCMP_FLTATR_CTL_TSYNC, 1);
    // Calls by the numbers of another processor, such as the 32-bit ones, are unknown like any other.
    if (error_ == 0) error_ = -seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    // With a few hundred calls a tree answers sooner than a list.
    if (error_ == 0) error_ = -seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (error_ == 0) error_ = -seccomp_load(context_);
    return error_ == 0 ? Status() : errno_status("install the filter of system calls", error_);
  }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
};

void allow_profile(Filter& filter, const backend::JailProfile& profile, bool bound) {
  for (const std::string_view name : profile.system_calls)
    if (!bound || name != "sched_setaffinity") filter.allow(name.data());
  if (!backend::has_devices(profile)) return;
  for (const std::uint8_t type : profile.ioctl_types)
    filter.allow("ioctl", masked(1, 0xff00, static_cast<scmp_datum_t>(type) << 8));
}

void allow_modes(Filter& filter) {
  filter.allow("chmod", masked(1, special_bits, 0));
  filter.allow("fchmod", masked(1, special_bits, 0));
  filter.allow("fchmodat", masked(2, special_bits, 0));
}

void allow_by_arguments(Filter& filter) {
  // glibc tries clone3 first, whose flags lie in memory where no filter can read them: it falls back to clone.
  filter.allow("clone", masked(0, new_namespaces, 0));
  filter.allow("mmap", masked(3, uncounted_maps, 0));
  for (const int command : fcntl_commands) filter.allow("fcntl", equals(1, static_cast<scmp_datum_t>(command)));
  filter.allow("fcntl", equals(1, F_SETFL), masked(2, O_ASYNC, 0));
  for (const int option : prctl_options) filter.allow("prctl", equals(0, static_cast<scmp_datum_t>(option)));
  for (const unsigned long request : plain_ioctls) filter.allow("ioctl", equals(1, request));
  // Its own limits, to read them.
  filter.allow("prlimit64", equals(0, 0), equals(2, 0));
  // Itself less important, never more: the kernel sees to that.
  filter.allow("setpriority", equals(0, 0));
}

// What a sanitizer's runtime does when it reports.
void allow_sanitizers([[maybe_unused]] Filter& filter) {
#ifdef SLUICE_SANITIZED
  for (const char* name : {"personality", "ptrace", "socketpair", "setrlimit", "process_vm_readv", "mlock"})
    filter.allow(name);
  filter.allow("prlimit64");
  filter.allow("prctl");
#endif
}

}  // namespace

Status allow_known_calls(bool bound) {
  Filter filter(SCMP_ACT_ERRNO(ENOSYS));
  allow_profile(filter, backend::base_jail_profile(), bound);
  for (const backend::JailProfile* profile : backend::jail_profiles()) allow_profile(filter, *profile, bound);
  filter.add(SCMP_ACT_ALLOW, SYS_futex_waitv);
  allow_modes(filter);
  allow_by_arguments(filter);
  allow_sanitizers(filter);
  for (const char* name : start_calls) filter.allow(name);
  for (const int option : start_prctl_options) filter.allow("prctl", equals(0, static_cast<scmp_datum_t>(option)));
  return filter.load();
}

Status refuse_start_calls() {
  Filter filter(SCMP_ACT_ALLOW);
  for (const char* name : start_calls) filter.add(SCMP_ACT_ERRNO(EPERM), name);
  for (const int option : start_prctl_options)
    filter.add(SCMP_ACT_ERRNO(EPERM), "prctl", equals(0, static_cast<scmp_datum_t>(option)));
  return filter.load();
}

}  // namespace sluice::worker
