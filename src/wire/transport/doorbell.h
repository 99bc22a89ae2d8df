// Doorbell: how one side of a session wakes the other, and how it sleeps until it is woken.
//
// Both sides have mapped the words that they sleep on (region.h). A side changes a word, and then wakes those who sleep
// on it. If both sides run under one kernel, waking is a futex call. Across a machine's border a futex reaches nobody:
// there the waker sends the word's place as a message, and the receiver of the other side calls wake_own() for its own
// mapping of the word. Sleeping is a futex in both cases, so nothing is virtual but the sending of that message.
//
// A value of one pointer; copy it freely. Thread-safe.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "wire/transport/futex.h"

namespace sluice::wire {

// Sends wake-ups to a peer that futexes do not reach.
class DoorbellSender {
 public:
  // Tells the peer that this word, of a mapping that both sides share, has changed. Called from any thread, and often
  // with a lock held: never blocks for long, and never fails in a way that the caller could mend.
  virtual void send_wake(const FutexWord& word) = 0;

 protected:
  ~DoorbellSender() = default;
};

class Doorbell {
 public:
  // The peer runs under the same kernel.
  Doorbell() = default;
  // The peer is elsewhere. `sender` outlives every copy.
  explicit Doorbell(DoorbellSender& sender) : sender_(&sender) {}

  // Wakes all threads of the other side that sleep on the word.
  void wake_peer(FutexWord& word) const {
    if (sender_ == nullptr) [[likely]]
      futex_wake_all(word);
    else sender_->send_wake(word);
  }
  // Wakes all threads of this side that sleep on the word: the caller changed it itself, or the peer's message came.
  void wake_own(FutexWord& word) const { futex_wake_all(word, scope()); }

  // Sleeps while `word` holds `expected`, until woken or until `deadline_ns` (CLOCK_MONOTONIC). May return early for no
  // reason: the caller loops.
  void wait(FutexWord& word, std::uint32_t expected, Nanoseconds deadline_ns = no_deadline) const {
    futex_wait(word, expected, deadline_ns, scope());
  }
  // The same for two words at once. `other` is this process's own: plain futex calls wake its sleepers.
  void wait_either(FutexWord& word, std::uint32_t expected, FutexWord& other, std::uint32_t other_expected,
                   Nanoseconds deadline_ns = no_deadline) const {
    futex_wait_either(word, expected, other, other_expected, deadline_ns, scope());
  }

 private:
  // Memory of another machine has no identity in this kernel: its words are told apart by their address here.
  FutexScope scope() const { return sender_ == nullptr ? FutexScope::all_processes : FutexScope::this_process; }

  DoorbellSender* sender_ = nullptr;  // null: same kernel
};

}  // namespace sluice::wire
