#include "daemon/backends/opencl/pocl_interposition.h"
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
  pending->event = event;
  pending->token = how.token;
  pending->submitted_ns = submitted_ns;
  pending->make_event = how.make_event;
  activity_.in_flight.fetch_add(1, std::memory_order_relaxed);
  if (quirks_.watch_queues) {
    watch(static_cast<QueueObject&>(*how.queue), how.wait_list, *pending);
    return submitted;
  }
  pending->state.store(PendingState::in_flight, std::memory_order_release);
  if (clSetEventCallback(event, CL_COMPLETE, on_complete, pending) != CL_SUCCESS) {
    // The driver is out of memory for a callback, but the command was accepted and must be reported.
    clFlush(static_cast<QueueObject*>(how.queue)->handle.get());
    clWaitForEvents(1, &event);
    on_complete(event, value_of<cl_int>(asking(clGetEventInfo, event), CL_EVENT_COMMAND_EXECUTION_STATUS), pending);
  }
  if (failures_.load(std::memory_order_relaxed)) report_if_failed(*pending);
  return submitted;
}

void OpenClDevice::watch(QueueObject& queue, std::span<Event* const> wait_list, Pending& pending) {
  Watcher::Command command{pending.event, {}, pending.submitted_ns, &pending};
  for (Event* event : wait_list) {
    const cl_event native_event = static_cast<EventObject*>(event)->handle.get();
    clRetainEvent(native_event);
    command.wait_list.emplace_back(native_event);
  }
  queue.watcher->add(std::move(command));
}

void OpenClDevice::on_watched_end(void* data, cl_int status, const wire::CommandTimes& times) {
  auto* pending = static_cast<Pending*>(data);
  OpenClDevice& device = *pending->device;
  device.report(*pending, outcome_of(status), times);
  device.pendings_.give_back(pending);
  device.activity_.in_flight.fetch_sub(1, std::memory_order_release);  // pairs with the destructor
}

// On a thread of the driver's, usually the one that ran the command: the next command waits until this returns.
void CL_CALLBACK OpenClDevice::on_complete(cl_event, cl_int status, void* data) {
  auto* pending = static_cast<Pending*>(data);
  OpenClDevice& device = *pending->device;
  for (auto state = PendingState::in_flight; !pending->state.compare_exchange_weak(state, PendingState::reported);) {
    if (state == PendingState::reported) {  // report_failures was first
      device.pendings_.give_back(pending);
      return;
    }
    state = PendingState::in_flight;
  }
  device.report(*pending, status);
  pending->state.store(PendingState::idle, std::memory_order_relaxed);
  device.pendings_.give_back(pending);
  if (device.failures_.load(std::memory_order_relaxed)) device.report_failures();
  device.activity_.in_flight.fetch_sub(1, std::memory_order_release);  // pairs with the destructor
}

void OpenClDevice::report(Pending& pending, cl_int status) {
  wire::CommandTimes times;
  Outcome outcome = Outcome::ok;
  if (status == CL_COMPLETE) {
    times = clock_.times_of(pending.event, pending.make_event, pending.submitted_ns);
  } else {
    outcome = outcome_of(status);
    times.submitted_ns = times.started_ns = times.ended_ns = now_ns();
    failures_.store(true, std::memory_order_relaxed);
  }
  report(pending, outcome, times);
}

void OpenClDevice::report(Pending& pending, Outcome outcome, const wire::CommandTimes& times) {
  sink_->completed(pending.token, outcome, times);
  activity_.last_ended_ns.store(times.ended_ns, std::memory_order_relaxed);
  if (outcome != Outcome::ok && quirks_.failed_events_named) return;
  clReleaseEvent(pending.event);
}

// PoCL ends the commands that waited for a failed event, but calls no callback of theirs. So once anything has failed,
// this looks at all that is in flight. A callback that comes after all finds its command reported.
void OpenClDevice::report_failures() { pendings_.for_each(report_if_failed); }

void OpenClDevice::report_if_failed(Pending& pending) {
  auto state = PendingState::in_flight;
  while (!pending.state.compare_exchange_strong(state, PendingState::looked_at)) {
    if (state != PendingState::looked_at) return;
    // Another thread looks at it, perhaps from before the failure: it must do so once more.
    if (pending.state.compare_exchange_strong(state, PendingState::look_again)) return;
    state = PendingState::in_flight;
  }
  cl_int status = CL_QUEUED;
  for (;;) {
    clGetEventInfo(pending.event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
    if (status < 0) break;
    state = PendingState::looked_at;
    if (pending.state.compare_exchange_strong(state, PendingState::in_flight)) return;
    pending.state.store(PendingState::looked_at);  // it was look_again
  }
  OpenClDevice& device = *pending.device;
  device.report(pending, status);
  pending.state.store(PendingState::reported);
  device.activity_.in_flight.fetch_sub(1, std::memory_order_release);
}

// PoCL never ends a command that is told to wait for an event which has failed before: such a command is not submitted.
bool OpenClDevice::any_failed(std::span<Event* const> events) const {
  if (!failures_.load(std::memory_order_relaxed)) return false;
  return std::any_of(events.begin(), events.end(), [](Event* event) {
    const auto ask = asking(clGetEventInfo, static_cast<EventObject*>(event)->handle.get());
    return value_of<cl_int>(ask, CL_EVENT_COMMAND_EXECUTION_STATUS) < 0;
  });
}

Made<Event> OpenClDevice::create_user_event() {
  cl_int error = CL_SUCCESS;
  auto event = std::make_unique<EventObject>();
  event->handle = EventHandle(clCreateUserEvent(context_.get(), &error));
  if (error != CL_SUCCESS) return {nullptr, outcome_of(error)};
  return {std::move(event), Outcome::ok};
}

void OpenClDevice::set_user_event(Event& event, bool failed) {
  const cl_event native_event = static_cast<EventObject&>(event).handle.get();
  // A second setting is refused by the driver, which is what the standard wants.
  {
    const auto alone = hold_broadcasts();
    clSetUserEventStatus(native_event, failed ? -1 : CL_COMPLETE);
  }
  if (!failed) return;
  failures_.store(true, std::memory_order_relaxed);
  report_failures();
}

}  // namespace sluice::backend::opencl
