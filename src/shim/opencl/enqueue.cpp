#include "shim/opencl/enqueue.h"

#include <vector>

#include "shim/opencl/error.h"

namespace sluice::opencl {
namespace {

// The events that the worker must wait for. False: one of all has failed.
bool ids_to_wait_for(const Enqueue& options, std::vector<wire::ObjectId>& ids) {
  for (const cl_event event : options.waits)
    if (!shim::add_wait(options.queue.lane(), event->state(), ids)) return false;
  return true;
}

bool all_complete(std::span<const cl_event> events) {
  for (const cl_event event : events)
    if (event->state().peek() != shim::event_complete) return false;
  return true;
}

// The slot and the event of one command.
struct Observed {
  shim::Completion completion;
  cl_event event = nullptr;
};

bool make_observed(const Enqueue& options, bool observed, Observed& made) {
  if (options.event_out == nullptr && !observed) return true;
  const auto completion = shim::make_completion(options.queue.session());
  if (!completion) return false;
  made.completion = *completion;
  if (options.event_out != nullptr)
    made.event = _cl_event::make_posted(options.queue, options.type, *completion->slot, completion->slot_at);
  return true;
}

cl_int lost_error(const Enqueue& options, cl_event event) {
  if (event != nullptr) event->release();
  return options.queue.context().report_lost();
}

}  // namespace

cl_int check_enqueue(cl_command_queue queue, cl_uint wait_count, const cl_event* wait_list) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if ((wait_count == 0) != (wait_list == nullptr)) return CL_INVALID_EVENT_WAIT_LIST;
  for (const cl_event event : wait_span(wait_count, wait_list))
    if (checked(event) == nullptr) return CL_INVALID_EVENT_WAIT_LIST;
  for (const cl_event event : wait_span(wait_count, wait_list))
    if (&event->context() != &queue->context()) return CL_INVALID_CONTEXT;
  return CL_SUCCESS;
}

cl_int fail_now(const Enqueue& options) {
  if (options.event_out == nullptr) return CL_SUCCESS;
  const Nanoseconds now = now_ns();
  *options.event_out =
      _cl_event::make_ended(options.queue, options.type, wire::Outcome::wait_list_failed, {now, now, now, now});
  return CL_SUCCESS;
}

cl_int post_raw(const Enqueue& options, const shim::RawCommand& command, bool observed, Posted& posted) {
  posted = {};
  _cl_command_queue& queue = options.queue;
  if (queue.session().lost()) return queue.context().report_lost();
  std::vector<wire::ObjectId> ids;
  if (!ids_to_wait_for(options, ids)) return fail_now(options);
  if (!shim::fits_ring(command, ids.size())) return CL_OUT_OF_RESOURCES;
  Observed made;
  if (!make_observed(options, observed, made)) return CL_OUT_OF_HOST_MEMORY;
  const wire::ObjectId event_id = made.event != nullptr ? made.event->state().id() : 0;
  posted.sequence = shim::post(queue.lane(), command, ids, made.completion, event_id);
  if (posted.sequence == 0) return lost_error(options, made.event);
  posted.completion = made.completion;
  if (made.event == nullptr) return CL_SUCCESS;
  posted.completion.slot_at = wire::no_offset;
  made.event->state().posted_as(posted.sequence);
  *options.event_out = made.event;
  return CL_SUCCESS;
}

bool ready_now(const Enqueue& options) { return all_complete(options.waits) && turn_has_come(options.queue.lane()); }

cl_int wait_ready(const Enqueue& options) {
  _cl_command_queue& queue = options.queue;
  if (queue.session().lost()) return queue.context().report_lost();
  for (const cl_event event : options.waits) {
    if (event->state().wait() == shim::event_complete) continue;
    return queue.session().lost() ? queue.context().report_lost() : CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  }
  return wait_for_turn(queue.lane()) ? CL_SUCCESS : queue.context().report_lost();
}

cl_int complete_now(const Enqueue& options, Nanoseconds started_ns) {
  if (options.event_out == nullptr) return CL_SUCCESS;
  *options.event_out = _cl_event::make_ended(options.queue, options.type, wire::Outcome::ok,
                                             {started_ns, started_ns, started_ns, now_ns()});
  return CL_SUCCESS;
}

cl_int wait_posted(const Enqueue& options, const Posted& posted) {
  const wire::Outcome outcome = shim::wait_posted(options.queue.lane(), posted);
  const bool lost = outcome == wire::Outcome::device_lost && options.queue.session().lost();
  return lost ? options.queue.context().report_lost() : error_of(outcome);
}

cl_int keep_place(const Enqueue& options, bool blocking) {
  if (blocking && !options.queue.out_of_order()) {
    const cl_int error = wait_ready(options);
    return error == CL_SUCCESS ? complete_now(options, local_start(options)) : error;
  }
  if (ready_now(options)) return complete_now(options, local_start(options));
  wire::Marker marker;
  return carry_out(options, marker, blocking);
}

}  // namespace sluice::opencl
