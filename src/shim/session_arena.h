// SessionArena: the program's books of its session's arena: which ranges and slots are in use, and for what.
//
// Offsets count from the arena's start, in bytes. The books lie in the program's private memory. All methods are
// thread-safe. Once the session is lost, methods that allocate return nothing, those that free do nothing, and none
// takes a lock.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <vector>

#include "wire/arena.h"
#include "wire/timeline.h"
#include "wire/transport/doorbell.h"
#include "wire/transport/region.h"

namespace sluice::shim {

class SessionArena {
 public:
  // `beside_bytes_max`: as for wire::ArenaAllocator. `lost` is set once the session is lost, and outlives this.
  SessionArena(wire::Region memory, std::uint64_t beside_bytes_max, const std::atomic<bool>& lost);

  std::byte* at(std::uint64_t offset) const { return memory_.data() + offset; }
  // The offset of memory that lies in the arena. Nothing: not all of the range does.
  std::optional<std::uint64_t> offset_of(const void* memory, std::size_t bytes) const;

  // The offset of a range, whose bytes may hold anything. Nothing: there is no room.
  std::optional<std::uint64_t> allocate(std::uint64_t bytes,
                                        wire::ArenaAllocator::Use use = wire::ArenaAllocator::Use::beside);
  // REQUIRES: no command that has not ended uses the range.
  void release(std::uint64_t at);

  // Ranges for the answers of calls. Calls wait for room while other calls' answers hold it.
  std::optional<std::uint64_t> allocate_answer(std::uint64_t bytes) { return allocate_in_turn(bytes, 1); }
  void release_answer(std::uint64_t at);
  // As allocate, beside objects; waits while answers of calls hold the room.
  std::optional<std::uint64_t> allocate_in_turn(std::uint64_t bytes) { return allocate_in_turn(bytes, 0); }

  // Zeroed slots. Null: there is no room. The caller frees them when the worker will not write them any more.
  wire::TimelineSlot* make_timeline(std::uint64_t& at);
  void drop_timeline(std::uint64_t at);
  wire::EventSlot* make_event_slot(std::uint64_t& at);
  void drop_event_slot(std::uint64_t at) { drop_slot(at); }
  wire::ReplySlot* make_reply(std::uint64_t& at);
  void drop_reply(std::uint64_t at);

  // After `lost` was set: ends the waits for all slots. Takes a lock.
  void wake_all(wire::Doorbell doorbell);

 private:
  using Slots = std::unordered_set<std::uint64_t>;
  bool lost() const { return lost_.load(std::memory_order_acquire); }
  std::optional<std::uint64_t> allocate_in_turn(std::uint64_t bytes, std::size_t answers);
  template <typename Slot>
  Slot* make_slot(std::uint64_t& at, Slots* noted_in);
  std::optional<std::uint64_t> take_slot();
  void drop_slot(std::uint64_t at, Slots* noted_in = nullptr);

  const wire::Region memory_;
  const std::atomic<bool>& lost_;

  std::mutex turns_;  // guards answers_
  std::condition_variable answer_released_;
  std::size_t answers_ = 0;  // that hold room

  std::mutex books_;  // guards what follows
  wire::ArenaAllocator allocator_;
  std::uint64_t idle_resident_bytes_ = 0;  // released, still backed by pages
  std::vector<std::uint64_t> free_slots_;  // 64-byte slots, of any kind
  Slots timelines_, replies_;              // in use: their waiters are woken when the worker is lost
};

}  // namespace sluice::shim
