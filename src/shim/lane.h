// Lane: how far one queue of commands has come, as the program sees it.
//
// The shim numbers a lane's commands from 1. The worker publishes in the lane's TimelineSlot which of them have ended:
// up to which number on an in-order lane, how many on an out-of-order lane. A lane outlives its queue for as long as
// anything waits for its commands. All methods are thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "shim/rows.h"
#include "shim/session.h"

namespace sluice::shim {

// A read whose result the worker puts into the arena. Once it has ended, the shim copies it to the program.
struct PendingRead {
  std::uint64_t sequence = 0;
  wire::EventSlot* slot = nullptr;          // says whether the command ended well; never null
  std::uint64_t slot_at = wire::no_offset;  // freed with the read; no_offset: an event owns the slot
  RowCopy copy;
  std::uint64_t staging_at = wire::no_offset;  // freed with the read
};

class Lane {
 public:
  // `timeline` lies in the session's arena at `timeline_at`; the lane owns it.
  Lane(Session& session, wire::TimelineSlot& timeline, std::uint64_t timeline_at, bool out_of_order);
  ~Lane();

  Session& session() const { return session_; }
  // What the worker knows the queue as.
  wire::ObjectId queue() const { return queue_; }
  bool out_of_order() const { return out_of_order_; }
  wire::TimelineSlot& timeline() { return timeline_; }

  // The last sequence number given to a command. Changed only under the ring's order lock.
  std::uint64_t posted() const { return posted_.load(std::memory_order_acquire); }
  std::uint64_t next_sequence() { return posted_.fetch_add(1, std::memory_order_acq_rel) + 1; }
  // Counts everything posted so far as submitted, for programs that ask.
  void flush() { flushed_.store(posted(), std::memory_order_relaxed); }
  bool flushed(std::uint64_t sequence) const { return flushed_.load(std::memory_order_relaxed) >= sequence; }

  std::uint64_t completed() const { return timeline_.completed.load(std::memory_order_acquire); }
  // Every command posted so far has ended.
  bool idle() const { return completed() >= posted(); }
  // Has the command ended? `slot` is its EventSlot. In-order lanes ignore it; on an out-of-order lane null asks whether
  // the lane is idle.
  bool ended(std::uint64_t sequence, const wire::EventSlot* slot) const;
  // Blocks until all commands up to `sequence` have ended. False: the session is lost. If the program has posted far
  // ahead of `sequence`, the wait may end late: the worker then wakes the program once for several commands, because
  // the device does not wait for the program and may need its core.
  bool wait(std::uint64_t sequence);

 private:
  friend class Progress;
  // Memory to free when a command has ended.
  struct DeferredFree {
    std::uint64_t sequence = 0;
    const wire::EventSlot* slot = nullptr;  // as for ended()
    std::uint64_t at = 0;
    bool is_slot = false;
  };

  Session& session_;
  wire::TimelineSlot& timeline_;
  const std::uint64_t timeline_at_;
  const wire::ObjectId queue_;
  const bool out_of_order_;
  std::atomic<std::uint64_t> posted_{0}, flushed_{0};
  wire::SpinHabit short_waits_;
  // Guarded by Progress::lock_. Nearly in order of sequence: an entry that came late only waits longer than it must.
  std::deque<DeferredFree> frees_;
  std::deque<PendingRead> reads_;  // strictly in order of sequence
  bool retired_ = false;           // its queue is gone
};

}  // namespace sluice::shim
