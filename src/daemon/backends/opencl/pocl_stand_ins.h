// PoCL's handles of compiled kernels, kept from being counted wrongly.
//
// PoCL 3.1 compiles a kernel in several variants for one local size: for small and for wide launches, with and without
// a global offset. It counts the launches that use each, but where one ends it looks for the count by kernel and local
// size alone. Where launches of two variants run at once it takes from the wrong one, and aborts the process when that
// one is used up (lib/CL/devices/common.c, pocl_release_dlhandle_cache).
//
// Its device drivers are plugins that find that function through the dynamic linker, which looks in the executable
// first. So the worker exports one of the same name.
#pragma once

namespace sluice::backend::opencl {

// From now on nothing is counted down, so no compiled kernel is unloaded before the process ends. That is what happens
// without it as well: PoCL 3.1 counts each launch up twice. Thread-safe.
void keep_kernel_handles();

}  // namespace sluice::backend::opencl

// Called by PoCL, with a command (3.1) or a handle (later versions). Passes it on to PoCL's own function unless kernel
// handles are kept.
extern "C" [[gnu::visibility("default")]] void pocl_release_dlhandle_cache(void* used);
