#include "shim/lane.h"

#include "base/contract.h"

namespace sluice::shim {
namespace {

// A program that has posted this many commands beyond the awaited one is far ahead of it.
constexpr std::uint64_t far_ahead = 8;
// How late a program that is far ahead may learn of a command's end.
constexpr Nanoseconds late_ns_max = 100 * ns_per_us;

}  // namespace

Lane::Lane(Session& session, wire::TimelineSlot& timeline, std::uint64_t timeline_at, bool out_of_order)
    : session_(session),
      timeline_(timeline),
      timeline_at_(timeline_at),
      queue_(session.mint()),
      out_of_order_(out_of_order) {}

Lane::~Lane() { session_.arena().drop_timeline(timeline_at_); }

bool Lane::ended(std::uint64_t sequence, const wire::EventSlot* slot) const {
  if (!out_of_order_) return completed() >= sequence;
  if (slot == nullptr) return idle();
  return slot->stage.load(std::memory_order_acquire) <= 0;  // pairs with publish_event
}

bool Lane::wait(std::uint64_t sequence) {
  if (completed() >= sequence) return true;
  SLUICE_REQUIRE(sequence <= posted());
  const std::uint64_t ahead = posted() - sequence;
  const std::atomic<bool>& lost = session_.lost_flag();
  if (out_of_order_ || ahead < far_ahead)
    return wire::wait_completed(timeline_, sequence, lost, {}, session_.doorbell());
  const Nanoseconds late_ns = now_ns() + late_ns_max;
  const wire::Doorbell doorbell = session_.doorbell();
  if (short_waits_.pays())
    wire::wait_completed(timeline_, sequence + ahead / 2, lost, {.deadline_ns = late_ns, .spins = false}, doorbell);
  const bool ended = completed() >= sequence;
  const bool reached = wire::wait_completed(timeline_, sequence, lost, {.spins = false}, doorbell);
  short_waits_.note(ended || now_ns() < late_ns);
  return reached;
}

}  // namespace sluice::shim
