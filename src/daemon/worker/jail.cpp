#include "daemon/worker/jail.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/log.h"
#include "daemon/worker/every_thread.h"
#include "daemon/worker/landlock.h"

namespace sluice::worker {
namespace {

// Refused with EPERM. Names, because the numbers differ between processors and kernels; unknown ones are skipped.
constexpr const char* refused_calls[] = {
    // other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_open", "pidfd_getfd",
    "pidfd_send_signal", "kcmp", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "move_pages", "migrate_pages",
    "sched_setattr", "ioprio_set",
    // the system
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick",
    "mount_setattr", "setns", "unshare", "swapon", "swapoff", "reboot", "acct", "quotactl", "quotactl_fd", "nfsservctl",
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "syslog", "vhangup",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "iopl", "ioperm",
    // other processes' sockets: what a worker talks over, it had before
    "socket", "socketpair", "connect", "bind", "listen",
    // ways around the rest
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "open_by_handle_at", "name_to_handle_at", "add_key", "request_key", "keyctl", "lookup_dcookie", "personality",
    "modify_ldt", "fanotify_init"};

std::atomic<int> file_rules{-1};
std::atomic<int> first_error{0};

void note_error() {
  int none = 0;
  first_error.compare_exchange_strong(none, errno);
}

// On every thread: privileges and file rules are the thread's own. Only system calls: it runs in a signal handler.
void restrict_thread() {
  const int saved_errno = errno;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) note_error();
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, none) != 0) note_error();
  if (const int rules = file_rules.load(); rules >= 0 && !apply_file_rules(rules)) note_error();
  errno = saved_errno;
}

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW)) {}
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // Refuses a call, always or if the comparison holds.
  template <typename... Comparison>
  void refuse(const char* name, Comparison... comparison) {
    const int number = seccomp_syscall_resolve_name(name);
    if (error_ != 0 || number == __NR_SCMP_ERROR) return;
    const int error = seccomp_rule_add(context_, SCMP_ACT_ERRNO(EPERM), number, sizeof...(comparison), comparison...);
    if (error != -EDOM && error != 0) error_ = -error;  // EDOM: this processor has no such call
  }
  // On all threads at once.
  Status load() {
    if (error_ == 0) error_ = -seccomp_attr_set(context_, SCMP_FLTATR_CTL_TSYNC, 1);
    if (error_ == 0) error_ = -seccomp_load(context_);
    return error_ == 0 ? Status() : errno_status("install the system call filter", error_);
  }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
};

Status filter_calls() {
  Filter filter;
  const auto self = static_cast<scmp_datum_t>(getpid());
  for (const char* name : refused_calls) filter.refuse(name);
  filter.refuse("kill", SCMP_A0(SCMP_CMP_NE, self, 0));
  filter.refuse("tgkill", SCMP_A0(SCMP_CMP_NE, self, 0));
  filter.refuse("prlimit64", SCMP_A0(SCMP_CMP_NE, 0, 0), SCMP_A2(SCMP_CMP_NE, 0, 0));
  return filter.load();
}

}  // namespace

Status enter_jail(const std::vector<std::string>& writable) {
  const rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return errno_status("forbid core dumps", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno_status("forbid debugging", errno);
  auto rules = make_file_rules(writable);
  if (rules.ok()) file_rules.store(rules.value().get());
  else log::warn("the file system stays visible to this session's kernels: {}", rules.status().message());
  restrict_thread();
  if (first_error.load() != 0) return errno_status("give up privileges", first_error.load());
  if (const std::size_t silent = run_on_every_thread([] { restrict_thread(); }); silent > 0)
    log::warn("{} threads of the driver keep their privileges: they take no signals", silent);
  if (first_error.load() != 0) return errno_status("give up privileges on every thread", first_error.load());
  file_rules.store(-1);
  return filter_calls();
}

}  // namespace sluice::worker
