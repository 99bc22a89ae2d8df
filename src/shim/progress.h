// Progress: what a session has in flight, and what the shim must do when it ends.
//
// Three things hang on a command's end. The result of a staged read lies in the arena, and what kernels printed lies in
// a pipe: both must reach the program before the shim reports any completion (`settle`). Staging memory, slots and the
// memory of released objects may be used again only when no command can touch them any more (`free_after`,
// `free_after_all`).
//
// Owned by the session. All methods are thread-safe. Once the session is lost no method takes a lock: in a forked
// child, whose copies of the locks may be held by threads that it does not have, the parent's session is lost from the
// start.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "shim/lane.h"
#include "shim/session.h"

namespace sluice::shim {

// Everything that was posted on all lanes up to one moment.
struct Fence {
  struct Point {
    std::shared_ptr<Lane> lane;
    std::uint64_t target = 0;  // of an in-order lane; an out-of-order lane must be idle
  };
  std::vector<Point> points;
  bool passed() const;
};

class Progress {
 public:
  explicit Progress(Session& session) : session_(session) {}

  Session& session() { return session_; }
  bool lost() const { return session_.lost(); }

  // Null: the arena is full, or the session is lost. `timeline_at` is where the worker must publish.
  std::shared_ptr<Lane> make_lane(bool out_of_order, std::uint64_t& timeline_at);
  // The lane's queue is gone; its commands may still run.
  void retire_lane(std::shared_ptr<Lane> lane);

  // Copies the results of ended reads to the program, and what kernels printed to its stdout. The shim calls it after
  // it has seen a completion and before it reports one, on whichever lane: the command that ended may have waited for a
  // read on another.
  void settle() {
    if (unsettled_.load(std::memory_order_acquire) != 0) settle_all();
  }
  // From now on kernels may print.
  void expect_output();
  void add_read(Lane& lane, const PendingRead& read);
  // Waits for the pending reads that write into this memory, and settles them. False: lost.
  bool wait_for_reads_into(const std::byte* memory, std::size_t bytes);
  // Does a pending read write into this memory?
  bool reads_into(const std::byte* memory, std::size_t bytes);

  // Frees a range of the arena, or an event slot, once the command has ended. `slot`: as for Lane::ended.
  void free_after(Lane& lane, std::uint64_t sequence, const wire::EventSlot* slot, std::uint64_t arena_at);
  void free_slot_after(Lane& lane, std::uint64_t sequence, const wire::EventSlot* slot, std::uint64_t slot_at);
  // Frees a released object's memory once everything posted so far has ended. arena_at may be no_offset: then only the
  // worker frees memory, and wait_for_frees waits for it.
  void free_after_all(std::uint64_t arena_at);

  // Everything posted so far. Empty if all lanes are idle.
  Fence fence();

  // Allocates in the arena, for an object or for staged data. If there is no room, waits up to 2 s for commands in
  // flight to end and give theirs back. Nothing: still no room, or lost.
  std::optional<std::uint64_t> make_room(std::uint64_t bytes,
                                         wire::ArenaAllocator::Use use = wire::ArenaAllocator::Use::beside);
  // Waits up to 2 s until the memory given to free_after_all so far is free.
  void wait_for_frees();

  // Waits until `done()`, which may become true when any command ends or `notify()` is called. False: lost, or the
  // deadline (CLOCK_MONOTONIC) has passed.
  template <typename Condition>
  bool wait_until(Condition done, Nanoseconds deadline_ns = wire::no_deadline);
  // Something inside this process has changed that wait_until may wait for.
  void notify() { wire::wake_waiters(session_.control(), session_.doorbell()); }

 private:
  void settle_all();
  void settle_locked();
  void settle_if_any_locked() {
    if (unsettled_.load(std::memory_order_acquire) != 0) settle_locked();
  }
  void settle_in_order_locked(Lane& lane);
  void settle_out_of_order_locked(Lane& lane);
  void finish_read(const PendingRead& read);
  bool reads_into_locked(const std::byte* memory, std::size_t bytes) const;
  void free_ended_locked();
  void free_ended_locked(Lane& lane);
  void free(const Lane::DeferredFree& entry);
  void defer_free(Lane& lane, const Lane::DeferredFree& entry);
  Fence fence_locked() const;

  Session& session_;
  // Reads whose results the program does not have yet. One more for ever once kernels may print, so that settle() looks
  // at one number.
  std::atomic<std::size_t> unsettled_{0};
  std::atomic<bool> expects_output_{false};
  std::mutex lock_;  // guards what follows, and the lanes' lists
  std::vector<std::shared_ptr<Lane>> lanes_;
  struct FencedFree {
    Fence fence;
    std::uint64_t arena_at = wire::no_offset;
  };
  std::deque<FencedFree> frees_;  // oldest first
};

template <typename Condition>
bool Progress::wait_until(Condition done, Nanoseconds deadline_ns) {
  static wire::SpinHabit habit;
  wire::PoliteSpin spin(habit);
  while (!done()) {
    if (lost()) return false;
    if (spin.again()) continue;
    const std::uint32_t token = wire::completion_token(session_.control());
    if (done()) return true;
    if (deadline_ns != wire::no_deadline && now_ns() >= deadline_ns) return false;
    wire::wait_any_completion(session_.control(), token, session_.lost_flag(), deadline_ns, session_.doorbell());
  }
  return true;
}

}  // namespace sluice::shim
