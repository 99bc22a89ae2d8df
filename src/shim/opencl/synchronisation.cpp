// Waiting, markers and barriers (OpenCL 3.0, sections 5.11 to 5.15, and the deprecated forms of 1.1).
#include <algorithm>

#include "shim/opencl/enqueue.h"
#include "shim/opencl/error.h"
#include "shim/opencl/memory.h"

using namespace sluice::opencl;
namespace wire = sluice::wire;

namespace {

cl_int check_events(cl_uint count, const cl_event* events) {
  if (count == 0 || events == nullptr) return CL_INVALID_VALUE;
  for (const cl_event event : wait_span(count, events))
    if (checked(event) == nullptr) return CL_INVALID_EVENT;
  for (const cl_event event : wait_span(count, events))
    if (&event->context() != &events[0]->context()) return CL_INVALID_CONTEXT;
  return CL_SUCCESS;
}

// A command that does nothing but keep its place.
template <typename Command>
cl_int enqueue_place(const Enqueue& options) {
  if (ready_now(options)) return complete_now(options, local_start(options));
  Command command;
  return guarded([&] { return post(options, command); });
}

}  // namespace

cl_int clFlush(cl_command_queue queue) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if (queue->progress().lost()) return queue->context().report_lost();
  queue->lane().flush();  // for the program's eyes: what is posted is on its way
  return CL_SUCCESS;
}

cl_int clFinish(cl_command_queue queue) {
  return checked(queue) == nullptr ? CL_INVALID_COMMAND_QUEUE : queue->finish();
}

cl_int clWaitForEvents(cl_uint count, const cl_event* events) {
  if (const cl_int error = check_events(count, events)) return error;
  cl_int result = CL_SUCCESS;
  for (const cl_event event : wait_span(count, events)) {
    if (event->wait() == CL_COMPLETE) continue;
    if (event->session().lost()) return event->context().report_lost();
    result = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  }
  return result;
}

cl_int clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint wait_count, const cl_event* wait_list,
                                   cl_event* event) {
  if (const cl_int error = check_enqueue(queue, wait_count, wait_list)) return error;
  return enqueue_place<wire::Marker>({*queue, CL_COMMAND_MARKER, wait_span(wait_count, wait_list), event});
}

cl_int clEnqueueBarrierWithWaitList(cl_command_queue queue, cl_uint wait_count, const cl_event* wait_list,
                                    cl_event* event) {
  if (const cl_int error = check_enqueue(queue, wait_count, wait_list)) return error;
  return enqueue_place<wire::Barrier>({*queue, CL_COMMAND_BARRIER, wait_span(wait_count, wait_list), event});
}

cl_int clEnqueueMarker(cl_command_queue queue, cl_event* event) {
  if (const cl_int error = check_enqueue(queue, 0, nullptr)) return error;
  if (event == nullptr) return CL_INVALID_VALUE;
  return enqueue_place<wire::Marker>({*queue, CL_COMMAND_MARKER, {}, event});
}

cl_int clEnqueueBarrier(cl_command_queue queue) {
  if (const cl_int error = check_enqueue(queue, 0, nullptr)) return error;
  return enqueue_place<wire::Barrier>({*queue, CL_COMMAND_BARRIER, {}, nullptr});
}

// What is enqueued later waits for these events: a barrier with a wait list.
cl_int clEnqueueWaitForEvents(cl_command_queue queue, cl_uint count, const cl_event* events) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  if (const cl_int error = check_events(count, events)) return error;
  if (&events[0]->context() != &queue->context()) return CL_INVALID_CONTEXT;
  return enqueue_place<wire::Barrier>({*queue, CL_COMMAND_BARRIER, wait_span(count, events), nullptr});
}

// There is one device: everything is where it should be, and only the order counts.
cl_int clEnqueueMigrateMemObjects(cl_command_queue queue, cl_uint count, const cl_mem* objects,
                                  cl_mem_migration_flags flags, cl_uint wait_count, const cl_event* wait_list,
                                  cl_event* event) {
  if (checked(queue) == nullptr) return CL_INVALID_COMMAND_QUEUE;
  constexpr cl_mem_migration_flags known = CL_MIGRATE_MEM_OBJECT_HOST | CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED;
  if (count == 0 || objects == nullptr || (flags & ~known) != 0) return CL_INVALID_VALUE;
  const std::span<const cl_mem> all(objects, count);
  if (std::any_of(all.begin(), all.end(), [](cl_mem memory) { return checked(memory) == nullptr; }))
    return CL_INVALID_MEM_OBJECT;
  if (std::any_of(all.begin(), all.end(), [&](cl_mem memory) { return &memory->context() != &queue->context(); }))
    return CL_INVALID_CONTEXT;
  if (const cl_int error = check_enqueue(queue, wait_count, wait_list)) return error;
  return enqueue_place<wire::Marker>({*queue, CL_COMMAND_MIGRATE_MEM_OBJECTS, wait_span(wait_count, wait_list), event});
}
