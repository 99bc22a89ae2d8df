// Sleeping and waking by futexes, and the polite spin that comes before a sleep.
//
// Measured on a two-core virtual machine: waking a sleeping process costs 10 to 20 us, a spin that yields the core on
// every round sees a change within 1 us and lets the device's own threads run. So: yield for `polite_spin_ns`, then
// sleep. No thread spins while idle, nor where waits have lately been longer than a spin: a deep queue of 200 us
// kernels needs both cores for itself. All functions are thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace sluice::wire {

using FutexWord = std::atomic<std::uint32_t>;
static_assert(sizeof(FutexWord) == 4 && FutexWord::is_always_lock_free);

inline constexpr Nanoseconds polite_spin_ns = 50 * ns_per_us;
inline constexpr Nanoseconds no_deadline = UINT64_MAX;

// By what sleepers and wakers find each other.
enum class FutexScope : std::uint8_t {
  all_processes,  // by the word's memory, in whichever processes it is mapped
  this_process,   // by the word's address in this process
};

// Sleeps while `word` holds `expected`, until woken or until `deadline_ns` (CLOCK_MONOTONIC). May return early for no
// reason: the caller loops.
void futex_wait(FutexWord& word, std::uint32_t expected, Nanoseconds deadline_ns = no_deadline,
                FutexScope scope = FutexScope::all_processes);
// The same for two words at once; `scope` is that of `word`, and `other` has the scope all_processes.
void futex_wait_either(FutexWord& word, std::uint32_t expected, FutexWord& other, std::uint32_t other_expected,
                       Nanoseconds deadline_ns = no_deadline, FutexScope scope = FutexScope::all_processes);
// Wakes all that sleep on the word with this scope.
void futex_wake_all(FutexWord& word, FutexScope scope = FutexScope::all_processes);

// Whether this process has reason to expect anything soon. A worker has none while another has the device: then no spin
// of it takes a core from the other.
inline std::atomic<bool> spinning_pays{true};

// How long the waits at one place of the code lately were: one for each place, which all threads share.
class SpinHabit {
 public:
  bool pays() const { return score_.load(std::memory_order_relaxed) >= 0; }
  void note(bool was_short);

 private:
  static constexpr int score_max = 4;
  std::atomic<int> score_{0};  // short waits less long ones, within bounds
};

// One wait: `while (!changed() && spin.again()) {}`, and then the sleep, before this goes out of scope.
class PoliteSpin {
 public:
  explicit PoliteSpin(SpinHabit& habit, Nanoseconds budget_ns = polite_spin_ns)
      : habit_(habit), budget_ns_(budget_ns) {}
  ~PoliteSpin();
  PoliteSpin(const PoliteSpin&) = delete;
  PoliteSpin& operator=(const PoliteSpin&) = delete;

  // Yields the core; false once the budget is used up, or if spinning does not pay.
  bool again();

 private:
  SpinHabit& habit_;
  Nanoseconds budget_ns_;
  Nanoseconds started_ns_ = 0;  // 0: what was waited for was there
  bool slept_ = false;
};

}  // namespace sluice::wire
