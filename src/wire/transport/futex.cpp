#include "wire/transport/futex.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace sluice::wire {
namespace {

timespec timespec_of(Nanoseconds time_ns) {
  return {static_cast<time_t>(time_ns / ns_per_s), static_cast<long>(time_ns % ns_per_s)};
}

// Of futex_waitv, Linux 5.16; newer than some headers.
constexpr std::uint32_t word_32_bits = 2, word_private = 128;
struct WaitedFor {
  std::uint64_t value = 0;
  std::uint64_t address = 0;
  std::uint32_t flags = word_32_bits;
  std::uint32_t zero = 0;
};
constexpr long sys_futex_waitv = 449;
// Where no thread spins, a wait is longer by the wake-ups of all threads that have a part in what is waited for.
constexpr Nanoseconds wakes_ns = 100 * ns_per_us;
constexpr Nanoseconds idle_ns = 5 * ns_per_ms;  // a wait as long as this says nothing about those that follow
constexpr Nanoseconds poll_ns = ns_per_ms;      // where the kernel cannot wait for two

int operation(int of_all_processes, FutexScope scope) {
  return of_all_processes | (scope == FutexScope::this_process ? FUTEX_PRIVATE_FLAG : 0);
}

}  // namespace

void futex_wait(FutexWord& word, std::uint32_t expected, Nanoseconds deadline_ns, FutexScope scope) {
  const bool timed = deadline_ns != no_deadline;
  const timespec deadline = timespec_of(timed ? deadline_ns : 0);
  // FUTEX_WAIT_BITSET, because its timeout is absolute.
  syscall(SYS_futex, &word, operation(FUTEX_WAIT_BITSET, scope), expected, timed ? &deadline : nullptr, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

void futex_wait_either(FutexWord& word, std::uint32_t expected, FutexWord& other, std::uint32_t other_expected,
                       Nanoseconds deadline_ns, FutexScope scope) {
  WaitedFor both[2];
  if (scope == FutexScope::this_process) both[0].flags |= word_private;
  both[0].value = expected;
  both[0].address = reinterpret_cast<std::uintptr_t>(&word);
  both[1].value = other_expected;
  both[1].address = reinterpret_cast<std::uintptr_t>(&other);
  const bool timed = deadline_ns != no_deadline;
  const timespec deadline = timespec_of(timed ? deadline_ns : 0);
  if (syscall(sys_futex_waitv, both, 2, 0, timed ? &deadline : nullptr, CLOCK_MONOTONIC) >= 0 || errno != ENOSYS)
    return;
  futex_wait(word, expected, std::min(deadline_ns, now_ns() + poll_ns), scope);
}

void futex_wake_all(FutexWord& word, FutexScope scope) {
  syscall(SYS_futex, &word, operation(FUTEX_WAKE, scope), INT_MAX, nullptr, nullptr, 0);
}

void SpinHabit::note(bool was_short) {
  const int score = score_.load(std::memory_order_relaxed);  // what two threads note at once may be lost
  score_.store(std::clamp(score + (was_short ? 1 : -1), -score_max, score_max), std::memory_order_relaxed);
}

bool PoliteSpin::again() {
  const Nanoseconds now = now_ns();
  if (started_ns_ == 0) started_ns_ = now;
  slept_ = now - started_ns_ >= budget_ns_ || !habit_.pays() || !spinning_pays.load(std::memory_order_relaxed);
  if (!slept_) sched_yield();
  return !slept_;
}

PoliteSpin::~PoliteSpin() {
  if (started_ns_ == 0) return;
  const Nanoseconds took_ns = slept_ ? now_ns() - started_ns_ : 0;
  if (took_ns < idle_ns) habit_.note(took_ns < budget_ns_ + wakes_ns);
}

}  // namespace sluice::wire
