#include "shim/opencl/event.h"

#include "shim/opencl/error.h"

namespace shim = sluice::shim;
namespace wire = sluice::wire;

cl_event _cl_event::make_posted(_cl_command_queue& queue, cl_command_type type, wire::EventSlot& slot,
                                std::uint64_t slot_at) {
  return new _cl_event(queue.context(), &queue, type, queue.lane(), slot, slot_at);
}

cl_event _cl_event::make_ended(_cl_command_queue& queue, cl_command_type type, wire::Outcome outcome,
                               const Times& times) {
  return new _cl_event(queue.context(), &queue, type, queue.lane(), outcome, times);
}

cl_event _cl_event::make_user(_cl_context& context) {
  auto* event = new _cl_event(context, nullptr, CL_COMMAND_USER, context.session());
  if (event->state_.id() != 0) return event;
  event->release();
  return nullptr;
}

cl_int _cl_event::api_status(shim::EventStatus status) const {
  if (status >= CL_COMPLETE) return status;
  const auto outcome = static_cast<wire::Outcome>(status);
  if (is_user() && outcome == wire::Outcome::wait_list_failed) return user_status_.load(std::memory_order_acquire);
  return sluice::opencl::error_of(outcome);
}

bool _cl_event::set_user_status(cl_int status) {
  cl_int expected = CL_SUBMITTED;
  if (!user_status_.compare_exchange_strong(expected, status, std::memory_order_acq_rel)) return false;
  return state_.set_user(status < CL_COMPLETE ? wire::Outcome::wait_list_failed : wire::Outcome::ok);
}
