// Progress: what one session's program has in flight, and what must happen when it ends.
//
// A Lane is one queue's progress; it outlives the queue for as long as anything waits for its commands. Three things
// hang on completion: results of reads lie in staging memory, and what kernels printed lies in a pipe; both must reach
// the program before anything is reported complete (`settle`). Staging memory, slots and the memory of released buffers
// may be used again only when no command can touch them any more (`free_after`, `bury`).
//
// Once a session is lost nothing here takes a lock: a forked child, whose copy of the locks may be held by threads
// that it does not have, sees its parent's session as lost from the start.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "shim/opencl/rows.h"
#include "shim/session.h"

namespace sluice::opencl {

// A read whose result waits in the arena. Copied from there to the program, then the staging memory is free.
struct PendingRead {
  std::uint64_t sequence = 0;
  wire::EventSlot* slot = nullptr;        // says whether the command ended well; never null
  std::uint64_t slot_at = wire::nowhere;  // to be freed with the read; nowhere: an event owns it
  RowCopy copy;
  std::uint64_t staging_at = wire::nowhere;  // to be freed with the read; nowhere: `copy` reads a buffer's own memory
};

class Lane {
 public:
  Lane(shim::Session& session, wire::TimelineSlot& timeline, std::uint64_t timeline_at, bool out_of_order);
  ~Lane();

  bool out_of_order() const { return out_of_order_; }
  wire::TimelineSlot& timeline() { return timeline_; }
  // The last sequence number given to a command. Changed only under the ring's order lock.
  std::uint64_t posted() const { return posted_.load(std::memory_order_acquire); }
  std::uint64_t next_sequence() { return posted_.fetch_add(1, std::memory_order_acq_rel) + 1; }
  // What was posted so far counts as submitted from now on.
  void flush() { flushed_.store(posted(), std::memory_order_relaxed); }
  bool flushed(std::uint64_t sequence) const { return flushed_.load(std::memory_order_relaxed) >= sequence; }
  std::uint64_t completed() const { return timeline_.completed.load(std::memory_order_acquire); }
  // Nothing that was posted is still to end.
  bool idle() const { return completed() >= posted(); }
  // Has the command ended? `slot`: its EventSlot; needed on out-of-order lanes alone, where null means "when idle".
  bool ended(std::uint64_t sequence, const wire::EventSlot* slot) const;
  // Waits until all up to the command have ended. False: lost. A program that has posted far ahead of it is woken for
  // several commands at once: the device does not wait for it, and may need the core.
  bool wait(std::uint64_t sequence);

 private:
  friend class Progress;
  struct Garbage {
    std::uint64_t sequence = 0;
    const wire::EventSlot* slot = nullptr;  // as for ended()
    std::uint64_t at = 0;
    bool is_slot = false;
  };

  shim::Session& session_;
  wire::TimelineSlot& timeline_;
  const std::uint64_t timeline_at_;
  const bool out_of_order_;
  std::atomic<std::uint64_t> posted_{0}, flushed_{0};
  wire::SpinHabit short_waits_;
  // Guarded by Progress::lock_. Ordered by sequence, nearly: a late entry only waits longer than it must.
  std::deque<Garbage> garbage_;
  std::deque<PendingRead> reads_;  // strictly ordered by sequence
  bool retired_ = false;           // its queue is gone
};

// Everything posted on all lanes up to some moment.
struct Fence {
  struct Point {
    std::shared_ptr<Lane> lane;
    std::uint64_t target = 0;
  };
  std::vector<Point> points;
  bool passed() const;
};

class Progress {
 public:
  // The session's; made at the first call, never destroyed.
  static Progress& of(shim::Session& session);

  shim::Session& session() { return session_; }
  bool lost() const { return session_.lost(); }

  // Null: no room in the arena.
  std::shared_ptr<Lane> make_lane(bool out_of_order, std::uint64_t& timeline_at);
  // The queue is gone; its commands may still run.
  void retire_lane(std::shared_ptr<Lane> lane);

  // Copies what finished reads brought to the program, and what kernels printed to its stdout. To be called after
  // seeing a completion and before reporting it, also one on another queue: a command there may have waited for a read
  // here.
  void settle() {
    if (unsettled_.load(std::memory_order_acquire) != 0) settle_all();
  }
  // From now on kernels may print.
  void expect_output();
  void add_read(Lane& lane, const PendingRead& read);
  // Waits for the reads that will still write into this memory, and settles them. False: lost.
  bool wait_for_reads_into(const std::byte* memory, std::size_t bytes);
  // Is a read that writes into this memory still to end?
  bool reads_into(const std::byte* memory, std::size_t bytes);

  // Frees a range of the arena, or an event slot, once the command has ended.
  void free_after(Lane& lane, std::uint64_t sequence, const wire::EventSlot* slot, std::uint64_t arena_at);
  void free_slot_after(Lane& lane, std::uint64_t sequence, const wire::EventSlot* slot, std::uint64_t slot_at);
  // Frees the memory of a released object once nothing that was posted before can touch it. arena_at may be
  // `nowhere`: then only the worker has memory to give back.
  void bury(std::uint64_t arena_at);

  // Everything posted so far. Empty if all lanes are idle.
  Fence fence();

  // Room in the arena, for an object or for data on its way. If there is none, waits for at most two seconds for what
  // is in flight to leave.
  std::optional<std::uint64_t> make_room(std::uint64_t bytes,
                                         wire::ArenaAllocator::Use use = wire::ArenaAllocator::Use::beside);
  // Waits, for at most two seconds, until the memory of objects that were released is really free.
  void wait_for_burials();

  // Waits until `done()`, which may become true whenever anything completes or `announce()` is called. False: lost.
  template <typename Condition>
  bool wait_until(Condition done, Nanoseconds deadline_ns = wire::no_deadline);
  // Something that wait_until may wait for has changed inside this process.
  void announce() { wire::wake_waiters(session_.control()); }

 private:
  Progress(shim::Session& session, Progress* next) : session_(session), next_(next) {}
  void settle_all();
  void settle_locked();
  void settle_if_any_locked() {
    if (unsettled_.load(std::memory_order_acquire) != 0) settle_locked();
  }
  void finish_read(const PendingRead& read);
  bool reads_into_locked(const std::byte* memory, std::size_t bytes) const;
  void collect_locked();
  void collect_lane_locked(Lane& lane);
  void drop(const Lane::Garbage& garbage);
  void add_garbage(Lane& lane, const Lane::Garbage& garbage);
  Fence fence_locked() const;

  shim::Session& session_;
  Progress* next_;  // of an earlier session: of the process that this one was forked from
  // Reads whose results are still to be copied; and one more for ever once kernels may print, so that settle() looks at
  // one number.
  std::atomic<std::size_t> unsettled_{0};
  std::atomic<bool> expects_output_{false};
  std::mutex lock_;  // guards what follows, and the lanes' lists
  std::vector<std::shared_ptr<Lane>> lanes_;
  struct Grave {
    Fence fence;
    std::uint64_t arena_at = wire::nowhere;
  };
  std::deque<Grave> graves_;
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
    wire::wait_any_completion(session_.control(), token, session_.lost_flag(), deadline_ns);
  }
  return true;
}

}  // namespace sluice::opencl
