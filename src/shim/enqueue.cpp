#include "shim/enqueue.h"

#include <mutex>

#include "base/contract.h"

namespace sluice::shim {

std::optional<Completion> make_completion(Session& session) {
  Completion completion;
  completion.slot = session.arena().make_event_slot(completion.slot_at);
  if (completion.slot == nullptr) return std::nullopt;
  completion.slot->stage.store(static_cast<std::int32_t>(wire::EventStage::queued), std::memory_order_relaxed);
  completion.slot->queued_ns = now_ns();
  return completion;
}

std::uint64_t post(Lane& lane, const RawCommand& command, std::span<const wire::ObjectId> waits,
                   const Completion& completion, wire::ObjectId event) {
  SLUICE_REQUIRE_COSTLY(fits_ring(command, waits.size()));  // RingWriter checks the sum
  const std::size_t bytes = command.fixed.size() + waits.size_bytes() + command.trailing.size();
  wire::EnqueueHeader& header = command.header;
  header.header.op = command.op;
  header.header.bytes = static_cast<std::uint32_t>(bytes);
  header.queue = lane.queue();
  header.event = event;
  header.event_at = completion.slot_at;
  header.wait_count = static_cast<std::uint32_t>(waits.size());
  // One step: the ring holds a lane's commands in the order of their numbers.
  wire::RingWriter& ring = lane.session().ring();
  const std::lock_guard lock(ring.order());
  header.sequence = lane.next_sequence();
  return ring.post_locked(command.fixed, std::as_bytes(waits), command.trailing) ? header.sequence : 0;
}

wire::Outcome wait_posted(Lane& lane, const Posted& posted) {
  if (posted.sequence == 0) return wire::Outcome::wait_list_failed;
  const wire::EventSlot& slot = *posted.completion.slot;
  Session& session = lane.session();
  const bool ended = lane.out_of_order()
                         ? session.progress().wait_until([&] { return lane.ended(posted.sequence, &slot); })
                         : lane.wait(posted.sequence);
  if (!ended) return wire::Outcome::device_lost;
  const std::int32_t stage = slot.stage.load(std::memory_order_acquire);
  session.progress().settle();  // before the slot goes: a read looks at it
  if (posted.completion.slot_at != wire::no_offset) session.arena().drop_event_slot(posted.completion.slot_at);
  return stage < 0 ? static_cast<wire::Outcome>(stage) : wire::Outcome::ok;
}

bool turn_has_come(Lane& lane) {
  if (lane.session().lost() || !lane.idle()) return false;
  lane.session().progress().settle();
  return true;
}

bool wait_for_turn(Lane& lane) {
  SLUICE_REQUIRE(!lane.out_of_order());
  if (!lane.wait(lane.posted())) return false;
  lane.session().progress().settle();
  return true;
}

}  // namespace sluice::shim
