// The calls on event objects: queries, user events, callbacks, profiling (OpenCL 3.0, sections 5.11 and 5.14).
#include "shim/opencl/callbacks.h"
#include "shim/opencl/error.h"
#include "shim/opencl/event.h"
#include "shim/opencl/info.h"

using namespace sluice::opencl;

cl_int clRetainEvent(cl_event event) {
  if (checked(event) == nullptr) return CL_INVALID_EVENT;
  event->retain();
  return CL_SUCCESS;
}

cl_int clReleaseEvent(cl_event event) {
  if (checked(event) == nullptr) return CL_INVALID_EVENT;
  event->release();
  return CL_SUCCESS;
}

cl_int clGetEventInfo(cl_event event, cl_event_info name, size_t room, void* value, size_t* size_ret) {
  if (checked(event) == nullptr) return CL_INVALID_EVENT;
  const InfoReply reply(room, value, size_ret);
  switch (name) {
    case CL_EVENT_COMMAND_EXECUTION_STATUS: return reply.value<cl_int>(event->status());
    case CL_EVENT_COMMAND_QUEUE: return reply.value<cl_command_queue>(event->queue());
    case CL_EVENT_CONTEXT: return reply.value<cl_context>(&event->context());
    case CL_EVENT_COMMAND_TYPE: return reply.value<cl_command_type>(event->type());
    case CL_EVENT_REFERENCE_COUNT: return reply.value<cl_uint>(event->references());
    default: return CL_INVALID_VALUE;
  }
}

cl_int clGetEventProfilingInfo(cl_event event, cl_profiling_info name, size_t room, void* value, size_t* size_ret) {
  if (checked(event) == nullptr) return CL_INVALID_EVENT;
  if (name < CL_PROFILING_COMMAND_QUEUED || name > CL_PROFILING_COMMAND_COMPLETE) return CL_INVALID_VALUE;
  if (event->is_user() || !event->queue()->profiling() || event->status() != CL_COMPLETE)
    return CL_PROFILING_INFO_NOT_AVAILABLE;
  const InfoReply reply(room, value, size_ret);
  const sluice::shim::EventTimes times = event->state().times();
  switch (name) {
    case CL_PROFILING_COMMAND_QUEUED: return reply.value<cl_ulong>(times.queued_ns);
    case CL_PROFILING_COMMAND_SUBMIT: return reply.value<cl_ulong>(times.submitted_ns);
    case CL_PROFILING_COMMAND_START: return reply.value<cl_ulong>(times.started_ns);
    default: return reply.value<cl_ulong>(times.ended_ns);  // with no children, the end is when all is complete
  }
}

cl_event clCreateUserEvent(cl_context context, cl_int* errcode_ret) {
  if (checked(context) == nullptr) return failed(errcode_ret, CL_INVALID_CONTEXT);
  cl_event event = _cl_event::make_user(*context);
  if (event == nullptr) return failed(errcode_ret, context->report_lost());
  set_error(errcode_ret, CL_SUCCESS);
  return event;
}

cl_int clSetUserEventStatus(cl_event event, cl_int status) {
  if (checked(event) == nullptr || !event->is_user()) return CL_INVALID_EVENT;
  if (status > CL_COMPLETE) return CL_INVALID_VALUE;
  return event->set_user_status(status) ? CL_SUCCESS : CL_INVALID_OPERATION;
}

cl_int clSetEventCallback(cl_event event, cl_int trigger, void(CL_CALLBACK* callback)(cl_event, cl_int, void*),
                          void* user_data) {
  if (checked(event) == nullptr) return CL_INVALID_EVENT;
  if (callback == nullptr) return CL_INVALID_VALUE;
  if (trigger != CL_SUBMITTED && trigger != CL_RUNNING && trigger != CL_COMPLETE) return CL_INVALID_VALUE;
  return guarded([&] { return watch_event(*event, trigger, callback, user_data) ? CL_SUCCESS : CL_OUT_OF_RESOURCES; });
}
