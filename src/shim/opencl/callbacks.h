// Callbacks into the program: of events, and of memory objects that are gone. They run on the session's callback thread
// (shim/callback_thread.h). Thread-safe.
#pragma once

#include <CL/cl.h>

#include <utility>
#include <vector>

#include "shim/opencl/event.h"
#include "shim/opencl/memory.h"

namespace sluice::opencl {

using EventCallback = void(CL_CALLBACK*)(cl_event event, cl_int status, void* user_data);

// Calls back once, when the event's status has come down to `trigger` or the command has failed; then with that status.
// False: no thread could be made.
bool watch_event(_cl_event& event, cl_int trigger, EventCallback callback, void* user_data);

// Calls `callbacks`, in this order, when the fence has passed. `memory` is the handle that they are given; it names
// nothing any more.
void watch_release(shim::Session& session, shim::Fence fence, cl_mem memory,
                   std::vector<std::pair<MemoryDestructor, void*>> callbacks);

}  // namespace sluice::opencl
