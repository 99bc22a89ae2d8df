#include "shim/opencl/event.h"

#include <algorithm>

#include "shim/opencl/error.h"

using sluice::Nanoseconds;
using sluice::now_ns;
using sluice::opencl::error_of;
using sluice::opencl::Lane;
using sluice::opencl::Progress;
namespace wire = sluice::wire;

_cl_event::_cl_event(Progress& progress, _cl_context& context, cl_command_queue queue, cl_command_type type,
                     wire::ObjectId id, cl_int status)
    : progress_(progress), context_(&context), queue_(queue), type_(type), id_(id), local_status_(status) {}

cl_event _cl_event::make_posted(_cl_command_queue& queue, cl_command_type type, wire::EventSlot& slot,
                                std::uint64_t slot_at) {
  auto* event = new _cl_event(queue.progress(), queue.context(), &queue, type, queue.session().mint(), CL_QUEUED);
  event->slot_ = &slot;
  event->slot_at_ = slot_at;
  return event;
}

cl_event _cl_event::make_ended(_cl_command_queue& queue, cl_command_type type, cl_int status, const Times& times) {
  auto* event = new _cl_event(queue.progress(), queue.context(), &queue, type, 0, status);
  event->local_times_ = times;
  return event;
}

cl_event _cl_event::make_user(_cl_context& context) {
  Progress& progress = Progress::of(context.session());
  wire::UserEventCreate command;
  command.id = progress.session().mint();
  if (!progress.session().post(command)) return nullptr;
  return new _cl_event(progress, context, nullptr, CL_COMMAND_USER, command.id, CL_SUBMITTED);
}

_cl_event::~_cl_event() {
  if (progress_.lost()) return;
  if (id_ != 0) {
    wire::ObjectRelease command;
    command.id = id_;
    progress_.session().post(command);
  }
  if (slot_ == nullptr) return;
  if (peek() > CL_COMPLETE) {
    progress_.free_slot_after(queue_->lane(), sequence_, slot_, slot_at_);
  } else {
    progress_.settle();  // a read of this command looks at the slot
    progress_.session().drop_event_slot(slot_at_);
  }
}

cl_int _cl_event::peek() const {
  const bool lost = progress_.lost();
  if (slot_ == nullptr) {
    const cl_int status = local_status_.load(std::memory_order_acquire);
    return status > CL_COMPLETE && lost ? CL_OUT_OF_RESOURCES : status;
  }
  const Lane& lane = queue_->lane();
  const bool ended = lane.ended(sequence_, slot_);
  const cl_int stage = slot_->stage.load(std::memory_order_acquire);
  if (!ended && lost) return CL_OUT_OF_RESOURCES;
  if (!ended) return std::clamp(stage, CL_RUNNING, lane.flushed(sequence_) ? CL_SUBMITTED : CL_QUEUED);
  return stage < CL_COMPLETE ? error_of(static_cast<wire::Outcome>(stage)) : CL_COMPLETE;
}

cl_int _cl_event::status() const {
  const cl_int status = peek();
  if (status <= CL_COMPLETE) progress_.settle();
  return status;
}

cl_int _cl_event::wait() {
  if (Lane* lane = in_order_lane(); lane != nullptr) {
    lane->wait(sequence_);
  } else {
    progress_.wait_until([this] { return peek() <= CL_COMPLETE; });
  }
  return status();
}

bool _cl_event::set_user_status(cl_int status) {
  cl_int expected = CL_SUBMITTED;
  if (!local_status_.compare_exchange_strong(expected, status, std::memory_order_acq_rel)) return false;
  if (progress_.lost()) return true;
  wire::UserEventSet command;
  command.id = id_;
  command.failed = status < CL_COMPLETE ? 1 : 0;
  progress_.session().post(command);
  progress_.announce();
  return true;
}

_cl_event::Times _cl_event::times() const {
  if (slot_ == nullptr) return local_times_;
  return {slot_->queued_ns, slot_->submitted_ns, slot_->started_ns, slot_->ended_ns};
}
