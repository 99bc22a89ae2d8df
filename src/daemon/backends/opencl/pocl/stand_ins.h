// Functions that stand in for PoCL's own, against two of its faults that end the process. Seen in PoCL 3.1.
//
// Handles of compiled kernels (lib/CL/devices/common.c, pocl_release_dlhandle_cache): PoCL compiles a kernel in several
// variants for one local size, for small and for wide launches, with and without a global offset. It counts the
// launches that use each, but where one ends it looks for the count by kernel and local size alone. Where launches of
// two variants run at once it takes from the wrong one, and aborts when that one is used up.
//
// Failing commands (lib/CL/devices/common.c, pocl_broadcast): a command that waits for a failed event is taken for one
// that still waits until it has been ended, on the way to which nothing is locked. If the last of the other commands
// that it waits for ends just then, it is started as well, and ends twice.
#pragma once

#include <CL/cl.h>

#include <mutex>

namespace sluice::backend::opencl {

// From now on no handle is counted down, so no compiled kernel is unloaded before the process ends. That is what
// happens without it as well: PoCL 3.1 counts each launch up twice. Thread-safe.
void keep_kernel_handles();

// While it is held, no command of PoCL's that ends on another thread tells those that wait for it. For the calls that
// make commands fail. Never to be taken in a callback of the driver's, which may hold what the other thread needs.
// Recursive: a command that fails takes along those that wait for it.
extern std::recursive_mutex broadcasting;

}  // namespace sluice::backend::opencl

extern "C" {
// `used`: a command (3.1) or a handle (later versions).
[[gnu::visibility("default")]] void pocl_release_dlhandle_cache(void* used);
// Tells the commands that wait for `ended`.
[[gnu::visibility("default")]] void pocl_broadcast(cl_event ended);
}
