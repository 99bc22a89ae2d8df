#include "daemon/backends/opencl/submit.h"

namespace sluice::backend::opencl {

Submitted OpenClDevice::track(const Submission& how, cl_event event, Nanoseconds submitted_ns) {
  Submitted submitted;
  if (how.make_event) {
    clRetainEvent(event);
    auto object = std::make_unique<EventObject>();
    object->handle = EventHandle(event);
    submitted.event = std::move(object);
  }
  Pending* pending = pendings_.take();
  pending->device = this;
  pending->token = how.token;
  pending->submitted_ns = submitted_ns;
  pending->make_event = how.make_event;
  activity_.in_flight.fetch_add(1, std::memory_order_relaxed);
  if (clSetEventCallback(event, CL_COMPLETE, on_complete, pending) != CL_SUCCESS) {
    // The driver is out of memory for a callback, but the command was accepted and must be reported.
    clFlush(static_cast<QueueObject*>(how.queue)->handle.get());
    clWaitForEvents(1, &event);
    finish(event, value_of<cl_int>(asking(clGetEventInfo, event), CL_EVENT_COMMAND_EXECUTION_STATUS), pending);
  }
  return submitted;
}

void CL_CALLBACK OpenClDevice::on_complete(cl_event event, cl_int status, void* data) {
  auto* pending = static_cast<Pending*>(data);
  pending->device->finish(event, status, pending);
}

// On a thread of the driver's, usually the one that ran the command: the next command waits until this returns.
void OpenClDevice::finish(cl_event event, cl_int status, Pending* pending) {
  wire::CommandTimes times;
  Outcome outcome = Outcome::ok;
  if (status == CL_COMPLETE) {
    times = clock_.times_of(event, pending->make_event, pending->submitted_ns);
  } else {
    outcome = outcome_of(status);
    times.submitted_ns = times.started_ns = times.ended_ns = now_ns();
  }
  sink_->completed(pending->token, outcome, times);
  activity_.last_ended_ns.store(times.ended_ns, std::memory_order_relaxed);
  clReleaseEvent(event);
  pendings_.give_back(pending);
  activity_.in_flight.fetch_sub(1, std::memory_order_release);  // pairs with the destructor
}

Made<Event> OpenClDevice::create_user_event() {
  cl_int error = CL_SUCCESS;
  auto event = std::make_unique<EventObject>();
  event->handle = EventHandle(clCreateUserEvent(context_.get(), &error));
  if (error != CL_SUCCESS) return {nullptr, outcome_of(error)};
  return {std::move(event), Outcome::ok};
}

void OpenClDevice::set_user_event(Event& event, bool failed) {
  // A second setting is refused by the driver, which is what the standard wants.
  clSetUserEventStatus(static_cast<EventObject&>(event).handle.get(), failed ? -1 : CL_COMPLETE);
}

}  // namespace sluice::backend::opencl
