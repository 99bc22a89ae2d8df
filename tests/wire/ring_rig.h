// A ring and slots in shared memory, and commands whose bytes tell who sent them and when.
#pragma once

#include <cstring>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "wire/ring.h"
#include "wire/timeline.h"

namespace sluice::wire {

// What a transport gives to both sides of one session. A test program links one file that makes it: local_sides.cpp,
// or in_process_sides.cpp.
struct Sides {
  std::span<std::byte> program_control, worker_control, program_arena, worker_arena;  // the same memory, zeroed
  Doorbell program_doorbell, worker_doorbell;
  std::shared_ptr<void> owner;
};
Sides make_sides(std::size_t arena_bytes);

// The control memory of a session, and an arena with slots, as both sides see them.
class ControlMemory {
 public:
  ControlMemory() : sides_(make_sides(arena_bytes)) {}
  ControlMemory(const ControlMemory&) = delete;
  ControlMemory& operator=(const ControlMemory&) = delete;

  RingWriter make_writer() const { return RingWriter(sides_.program_control, sides_.program_doorbell); }
  std::unique_ptr<RingReader> make_reader() const {
    return std::make_unique<RingReader>(sides_.worker_control, sides_.worker_doorbell);
  }
  std::span<std::byte> bytes() const { return sides_.program_control; }
  ControlPage& page() const { return *reinterpret_cast<ControlPage*>(sides_.program_control.data()); }
  ControlPage& worker_page() const { return *reinterpret_cast<ControlPage*>(sides_.worker_control.data()); }
  std::byte* ring() const { return sides_.program_control.data() + ring_at; }
  Doorbell doorbell() const { return sides_.program_doorbell; }
  Doorbell worker_doorbell() const { return sides_.worker_doorbell; }

  // Zeroed slots in the arena, as the program sees them.
  template <typename Slot>
  std::span<Slot> make_slots(std::size_t count) const {
    auto* first =
        reinterpret_cast<Slot*>(sides_.program_arena.data() + std::exchange(used_, used_ + count * sizeof(Slot)));
    return {first, count};
  }
  template <typename Slot>
  Slot& make_slot() const {
    return make_slots<Slot>(1).front();
  }
  // The same slot as the worker sees it.
  template <typename Slot>
  Slot& at_worker(Slot& slot) const {
    const std::ptrdiff_t at = reinterpret_cast<std::byte*>(&slot) - sides_.program_arena.data();
    return *reinterpret_cast<Slot*>(sides_.worker_arena.data() + at);
  }

  // The functions of timeline.h, each on the side that calls it.
  void publish(TimelineSlot& slot, std::uint64_t completed) const {
    publish_completed(at_worker(slot), worker_page(), completed, worker_doorbell());
  }
  void answer(ReplySlot& slot, Outcome outcome, std::uint64_t data_bytes) const {
    publish_reply(at_worker(slot), outcome, data_bytes, worker_doorbell());
  }
  bool wait(TimelineSlot& slot, std::uint64_t target, const std::atomic<bool>& lost,
            const CompletionWait& options = {}) const {
    return wait_completed(slot, target, lost, options, doorbell());
  }
  bool wait(ReplySlot& slot, const std::atomic<bool>& lost) const { return wait_reply(slot, lost, doorbell()); }
  std::uint32_t token() const { return completion_token(page()); }
  void wait_any(std::uint32_t seen, const std::atomic<bool>& lost) const {
    wait_any_completion(page(), seen, lost, no_deadline, doorbell());
  }

 private:
  static constexpr std::size_t arena_bytes = 4 << 20;
  Sides sides_;
  mutable std::size_t used_ = 0;
};

// Fixed front of a test command; bytes derived from it follow.
struct Stamp {
  CommandHeader header;
  std::uint64_t sender = 0;
  std::uint64_t number = 0;
};

inline std::byte stamp_byte(const Stamp& stamp, std::size_t at) {
  return static_cast<std::byte>(stamp.sender * 131 + stamp.number * 31 + at);
}

inline std::vector<std::byte> stamped_command(std::uint64_t sender, std::uint64_t number, std::size_t trailing) {
  Stamp stamp;
  stamp.header.op = Op::marker;
  stamp.header.bytes = static_cast<std::uint32_t>(sizeof stamp + trailing / 8 * 8);
  stamp.sender = sender, stamp.number = number;
  std::vector<std::byte> bytes(stamp.header.bytes);
  std::memcpy(bytes.data(), &stamp, sizeof stamp);
  for (std::size_t at = sizeof stamp; at < bytes.size(); ++at) bytes[at] = stamp_byte(stamp, at);
  return bytes;
}

// The stamp of a received command; sender UINT64_MAX if any byte of it is wrong.
inline Stamp checked_stamp(std::span<const std::byte> command) {
  Stamp stamp, broken;
  broken.sender = UINT64_MAX;
  if (command.size() < sizeof stamp) return broken;
  std::memcpy(&stamp, command.data(), sizeof stamp);
  if (stamp.header.bytes != command.size()) return broken;
  for (std::size_t at = sizeof stamp; at < command.size(); ++at)
    if (command[at] != stamp_byte(stamp, at)) return broken;
  return stamp;
}

}  // namespace sluice::wire
