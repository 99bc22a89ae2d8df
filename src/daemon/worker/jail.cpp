#include "daemon/worker/jail.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "daemon/worker/all_threads.h"
#include "daemon/worker/system_calls.h"

namespace sluice::worker {
namespace {

// ThreadSanitizer has a thread of its own, which takes no signals.
#ifdef __SANITIZE_THREAD__
constexpr std::size_t silent_max = 1;
#else
constexpr std::size_t silent_max = 0;
#endif

std::atomic<int> file_rules{-1};
std::atomic<int> first_error{0};

// Rules for files are the thread's own. Only system calls: it runs in a signal handler.
void restrict_thread() {
  const int saved_errno = errno;
  int none = 0;
  if (!apply_file_rules(file_rules.load())) first_error.compare_exchange_strong(none, errno);
  errno = saved_errno;
}

Status without_advice(Fence fence, const Status& status) {
  return {status.code(), status.message() + "; jail.without = [\"" + std::string(fence_name(fence)) +
                             "\"] in the configuration does without this fence"};
}

Status restrict_files(const FilePaths& paths) {
  const UniqueFd rules = SLUICE_TRY(make_file_rules(paths));
  file_rules.store(rules.get());
  restrict_thread();
  const std::size_t silent = run_on_all_threads([] { restrict_thread(); });
  file_rules.store(-1);
  if (const int error = first_error.load(); error != 0) return errno_status("hide the file system", error);
  if (silent <= silent_max) return Status();
  return Status(Code::internal,
                std::to_string(silent) + " threads of the driver take no signals and keep seeing files");
}

}  // namespace

Status shut_jail(const FenceSet& without, bool bound) {
  const rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return errno_status("forbid core dumps", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno_status("forbid debugging", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_status("forbid new privileges", errno);
  // Its rules come with the session; but a worker that could not have them must not wait for one.
  if (!without.has(Fence::landlock))
    if (Status there = file_rules_available(); !there.ok()) return without_advice(Fence::landlock, there);
  if (without.has(Fence::seccomp)) return Status();
  Status filtered = allow_known_calls(bound);
  return filtered.ok() ? filtered : without_advice(Fence::seccomp, filtered);
}

Status tighten_jail(const FenceSet& without, const FilePaths& paths) {
  if (!without.has(Fence::landlock))
    if (Status hidden = restrict_files(paths); !hidden.ok()) return without_advice(Fence::landlock, hidden);
  return without.has(Fence::seccomp) ? Status() : refuse_start_calls();
}

}  // namespace sluice::worker
