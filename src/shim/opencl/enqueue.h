// Enqueueing: the way of every clEnqueue* call from its arguments to the ring, or past it.
//
// A call checks its arguments, then either posts a command (`post`), or, where the shim can do the work itself, waits
// for its turn or finds that it has come (`ready_now`, `wait_ready`), does it, and reports it done (`complete_now`).
#pragma once

#include <CL/cl.h>

#include <span>

#include "shim/enqueue.h"
#include "shim/opencl/event.h"
#include "shim/opencl/queue.h"
#include "wire/commands.h"

namespace sluice::opencl {

using shim::EnqueuedCommand;
using shim::Posted;

// How one command is ordered and observed.
struct Enqueue {
  _cl_command_queue& queue;
  cl_command_type type;
  std::span<const cl_event> waits;  // checked with check_enqueue
  cl_event* event_out = nullptr;    // null: the program wants no event
};

// The checks that all clEnqueue* calls share (OpenCL 3.0, section 5.2.2 and others): CL_INVALID_COMMAND_QUEUE,
// CL_INVALID_EVENT_WAIT_LIST, CL_INVALID_CONTEXT.
cl_int check_enqueue(cl_command_queue queue, cl_uint wait_count, const cl_event* wait_list);
inline std::span<const cl_event> wait_span(cl_uint count, const cl_event* list) { return {list, list + count}; }

// Posts one command: orders it after its wait list, makes its event. `trailing` is the command's own trailing data,
// whose size must be a multiple of 8. A command whose wait list holds an event that has failed is not posted; its event
// fails too. Returns CL_SUCCESS, or CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY.
template <EnqueuedCommand Command>
cl_int post(const Enqueue& options, Command& command, std::span<const std::byte> trailing = {});
// The same, and tells what became of it.
template <EnqueuedCommand Command>
cl_int post(const Enqueue& options, Command& command, Posted& posted);
// The same; the command gets an EventSlot even if the program wants no event.
template <EnqueuedCommand Command>
cl_int post_observed(const Enqueue& options, Command& command, Posted& posted);

// True if the command could run at once: nothing is in flight on its queue, and all that it waits for has ended well.
bool ready_now(const Enqueue& options);
// For blocking calls: waits for that on an in-order queue. CL_SUCCESS: the caller's turn.
// CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, CL_OUT_OF_RESOURCES (lost).
cl_int wait_ready(const Enqueue& options);
// Reports a command that the shim has done itself. `started_ns`: from local_start().
cl_int complete_now(const Enqueue& options, Nanoseconds started_ns);
inline Nanoseconds local_start(const Enqueue& options) { return options.event_out != nullptr ? now_ns() : 0; }
// Keeps a place in the queue for work that moves no data: done at once, or by a marker.
cl_int keep_place(const Enqueue& options, bool blocking);
// For blocking calls that had to be posted, observed: waits until the command has ended, frees the slot if it is the
// caller's. CL_SUCCESS or the command's error.
cl_int wait_posted(const Enqueue& options, const Posted& posted);

// What the command waits for has failed: it ends with an error and is never run (section 5.11). CL_SUCCESS.
cl_int fail_now(const Enqueue& options);
// Posts the command and, for blocking calls, waits until it has ended.
template <EnqueuedCommand Command>
cl_int carry_out(const Enqueue& options, Command& command, bool blocking);

// ---- the untyped part ----

cl_int post_raw(const Enqueue& options, const shim::RawCommand& command, bool observed, Posted& posted);

template <EnqueuedCommand Command>
cl_int post(const Enqueue& options, Command& command, std::span<const std::byte> trailing) {
  Posted unused;
  return post_raw(options, shim::raw(command, trailing), false, unused);
}

template <EnqueuedCommand Command>
cl_int post(const Enqueue& options, Command& command, Posted& posted) {
  return post_raw(options, shim::raw(command, {}), false, posted);
}

template <EnqueuedCommand Command>
cl_int post_observed(const Enqueue& options, Command& command, Posted& posted) {
  return post_raw(options, shim::raw(command, {}), true, posted);
}

template <EnqueuedCommand Command>
cl_int carry_out(const Enqueue& options, Command& command, bool blocking) {
  if (!blocking) return post(options, command);
  Posted posted;
  const cl_int error = post_observed(options, command, posted);
  return error == CL_SUCCESS ? wait_posted(options, posted) : error;
}

}  // namespace sluice::opencl
