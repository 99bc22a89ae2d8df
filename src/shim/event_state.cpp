#include "shim/event_state.h"

#include <algorithm>

#include "base/contract.h"

namespace sluice::shim {
namespace {

constexpr auto running = static_cast<EventStatus>(wire::EventStage::running);
constexpr auto submitted = static_cast<EventStatus>(wire::EventStage::submitted);
constexpr auto queued = static_cast<EventStatus>(wire::EventStage::queued);
constexpr auto device_lost = static_cast<EventStatus>(wire::Outcome::device_lost);

// Its id; 0: the session is lost.
wire::ObjectId create_user_event(Session& session) {
  wire::UserEventCreate command;
  command.id = session.mint();
  return session.post(command) ? command.id : 0;
}

}  // namespace

EventState::EventState(Lane& lane, wire::EventSlot& slot, std::uint64_t slot_at)
    : session_(lane.session()),
      lane_(&lane),
      id_(session_.mint()),
      slot_(&slot),
      slot_at_(slot_at),
      local_status_(queued) {}

EventState::EventState(Lane& lane, wire::Outcome outcome, const EventTimes& times)
    : session_(lane.session()),
      lane_(&lane),
      id_(0),
      local_status_(static_cast<EventStatus>(outcome)),
      local_times_(times) {}

EventState::EventState(Session& session)
    : session_(session), lane_(nullptr), id_(create_user_event(session)), local_status_(submitted) {}

EventState::~EventState() {
  if (session_.lost()) return;
  if (id_ != 0) {
    wire::ObjectRelease command;
    command.id = id_;
    session_.post(command);
  }
  if (slot_ == nullptr) return;
  Progress& progress = session_.progress();
  if (peek() > event_complete) {
    progress.free_slot_after(*lane_, sequence_, slot_, slot_at_);
  } else {
    progress.settle();  // a read of this command looks at the slot
    session_.arena().drop_event_slot(slot_at_);
  }
}

EventStatus EventState::peek() const {
  const bool lost = session_.lost();
  if (slot_ == nullptr) {
    const EventStatus status = local_status_.load(std::memory_order_acquire);
    return status > event_complete && lost ? device_lost : status;
  }
  const bool ended = lane_->ended(sequence_, slot_);
  const EventStatus stage = slot_->stage.load(std::memory_order_acquire);
  if (!ended && lost) return device_lost;
  if (!ended) return std::clamp(stage, running, lane_->flushed(sequence_) ? submitted : queued);
  return std::min(stage, event_complete);
}

EventStatus EventState::status() const {
  const EventStatus status = peek();
  if (status <= event_complete) session_.progress().settle();
  return status;
}

EventStatus EventState::wait() const {
  if (Lane* lane = in_order_lane(); lane != nullptr) lane->wait(sequence_);
  else session_.progress().wait_until([this] { return peek() <= event_complete; });
  return status();
}

bool EventState::set_user(wire::Outcome outcome) {
  SLUICE_REQUIRE(lane_ == nullptr);
  EventStatus expected = submitted;
  if (!local_status_.compare_exchange_strong(expected, static_cast<EventStatus>(outcome), std::memory_order_acq_rel))
    return false;
  if (session_.lost()) return true;
  wire::UserEventSet command;
  command.id = id_;
  command.failed = outcome != wire::Outcome::ok ? 1 : 0;
  session_.post(command);
  session_.progress().notify();
  return true;
}

EventTimes EventState::times() const {
  if (slot_ == nullptr) return local_times_;
  const wire::PeerClock& clock = session_.worker_clock();
  return {slot_->queued_ns, clock.to_own(slot_->submitted_ns), clock.to_own(slot_->started_ns),
          clock.to_own(slot_->ended_ns)};
}

}  // namespace sluice::shim
