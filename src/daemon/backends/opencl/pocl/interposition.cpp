#include "daemon/backends/opencl/pocl/interposition.h"

#include <cstdlib>

#include "daemon/backends/opencl/pocl/compiles.h"
#include "daemon/backends/opencl/pocl/stand_ins.h"
#include "daemon/backends/opencl/pocl/threads.h"

namespace sluice::backend::opencl {
namespace {

constexpr Interposition interposition{keep_kernel_handles, &broadcasting, report_compiles,
#ifdef SLUICE_SANITIZED
                                      nullptr
#else
                                      follow_spinning
#endif
};

// The dynamic linker has read it, for this process alone.
[[gnu::constructor]] void keep_from_child_programs() { unsetenv("LD_PRELOAD"); }

}  // namespace
}  // namespace sluice::backend::opencl

extern "C" [[gnu::visibility("default")]] const sluice::backend::opencl::Interposition* sluice_pocl_interposition() {
  return &sluice::backend::opencl::interposition;
}
