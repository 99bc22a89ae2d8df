#include "wire/futex.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace sluice::wire {

void futex_wait(FutexWord& word, std::uint32_t expected, Nanoseconds deadline_ns) {
  timespec deadline{};
  const bool timed = deadline_ns != no_deadline;
  if (timed) {
    deadline.tv_sec = static_cast<time_t>(deadline_ns / ns_per_s);
    deadline.tv_nsec = static_cast<long>(deadline_ns % ns_per_s);
  }
  // FUTEX_WAIT_BITSET, because its timeout is absolute; not PRIVATE, because the other side is another process.
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, timed ? &deadline : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void futex_wake_all(FutexWord& word) { syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0); }

bool PoliteSpin::again() {
  const Nanoseconds now = now_ns();
  if (started_ns_ == 0) started_ns_ = now;
  if (now - started_ns_ >= budget_ns_) return false;
  sched_yield();
  return true;
}

}  // namespace sluice::wire
