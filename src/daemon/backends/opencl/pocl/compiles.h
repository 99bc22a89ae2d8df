// Launches that PoCL compiles first, or that wait for its compiler. Seen in PoCL 3.1.
//
// PoCL compiles a kernel when it is first launched with a local size, and again for the first global offset and for the
// first wide launch: some 80 ms for three lines, on the thread that would run it. Natively only the program itself
// waits. In the pool others want the device meanwhile, and it does nothing.
//
// PoCL's plugin asks for the compiled kernel by calling pocl_check_kernel_dlhandle_cache (lib/CL/devices/common.c). If
// it has none in memory that looks whether there is a file, with the C library's access, and compiles if there is not.
// Both are interposed (interposition.h), and the sink is told of what lies between.
//
// One look at a time, with the compile that follows. So a launch whose kernel is in memory may still have to wait, for
// another launch's compile or for those of a whole program whose binary is asked for (see build_saver.h).
#pragma once

#include "daemon/backends/backend.h"

namespace sluice::backend::opencl {

// The sink is told from now on. Thread-safe. REQUIRES: outlives every launch that was submitted.
void report_compiles(CompletionSink& sink);

}  // namespace sluice::backend::opencl

extern "C" {
[[gnu::visibility("default")]] void* pocl_check_kernel_dlhandle_cache(void* command, unsigned retain, int specialize);
[[gnu::visibility("default")]] int access(const char* path, int mode) noexcept;
}
