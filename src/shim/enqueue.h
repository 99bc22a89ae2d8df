// Enqueueing: how a command of a queue comes into the ring, and how a caller learns of its end.
//
// A front end checks the call's arguments, collects what the command must wait for (`add_wait`), makes a slot if the
// command's outcome will be asked for, and posts it. If it can carry the command out itself, it first waits for the
// command's turn (`turn_has_come`, `wait_for_turn`). All functions are thread-safe.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "shim/event_state.h"
#include "shim/lane.h"
#include "shim/progress.h"
#include "wire/commands.h"

namespace sluice::shim {

template <typename T>
concept EnqueuedCommand = requires(T c) {
  { c.enqueue } -> std::same_as<wire::EnqueueHeader&>;
};

// A command as bytes, before it has a number.
struct RawCommand {
  wire::EnqueueHeader& header;  // the front of `fixed`
  std::span<std::byte> fixed;
  std::span<const std::byte> trailing;  // a multiple of 8 bytes
  wire::Op op;
};

template <EnqueuedCommand Command>
RawCommand raw(Command& command, std::span<const std::byte> trailing) {
  return {command.enqueue, std::as_writable_bytes(std::span(&command, 1)), trailing, Command::op};
}

// Adds what a command on `lane` must wait for to `ids`: nothing if the event has ended well, or if the lane's order
// waits for it anyway. False: the event has failed, and the command must not run.
inline bool add_wait(const Lane& lane, const EventState& event, std::vector<wire::ObjectId>& ids) {
  const EventStatus status = event.peek();
  if (status < event_complete) return false;
  if (status == event_complete || (!lane.out_of_order() && event.in_order_lane() == &lane)) return true;
  ids.push_back(event.id());
  return true;
}

// How a command's end can be seen, apart from its lane's timeline.
struct Completion {
  wire::EventSlot* slot = nullptr;  // null: only the timeline shows it
  std::uint64_t slot_at = wire::no_offset;
};
// A slot for a command that is about to be posted; the time of posting is now. Nothing: the arena is full.
std::optional<Completion> make_completion(Session& session);

// Can the ring carry the command with that many waits?
inline bool fits_ring(const RawCommand& command, std::size_t waits) {
  return waits <= wire::wait_list_max &&
         command.fixed.size() + waits * sizeof(wire::ObjectId) + command.trailing.size() <= wire::command_bytes_max;
}

// Fills in the command's EnqueueHeader and writes it to the ring as the lane's next command. `event`: the id of the
// program's event, or 0. Blocks while the ring is full. Returns the command's sequence number; 0: the session is lost.
// REQUIRES: fits_ring(command, waits.size()).
std::uint64_t post(Lane& lane, const RawCommand& command, std::span<const wire::ObjectId> waits,
                   const Completion& completion, wire::ObjectId event);

// A command that the caller may wait for.
struct Posted {
  std::uint64_t sequence = 0;  // 0: it was not posted, because what it waits for has failed
  Completion completion;       // slot_at: the caller's to free; no_offset: an event owns the slot
};

// Blocks until the command has ended, settles reads, and frees the slot if it is the caller's. The command's outcome;
// device_lost; or wait_list_failed if it was not posted.
wire::Outcome wait_posted(Lane& lane, const Posted& posted);

// Has the turn of a command that is enqueued now come? True if the lane is idle; then reads have been settled. The
// caller must have seen that all events that the command waits for have ended well.
bool turn_has_come(Lane& lane);
// Blocks until that is so. False: the session is lost. REQUIRES: `lane` is in order.
bool wait_for_turn(Lane& lane);

}  // namespace sluice::shim
