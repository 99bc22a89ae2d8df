#include "daemon/backends/opencl/driver_environment.h"

#include "daemon/backends/opencl/quirks.h"

namespace sluice::backend::opencl {
namespace {

// Mesa's drivers keep nothing: see make_backend.
constexpr const char* cache_variables[] = {"POCL_CACHE_DIR"};

// PoCL 3.1 has as many compute units as threads, and counts the machine's processors itself, whichever of them it may
// use. Mesa's llvmpipe does the same.
constexpr const char* processor_variables[] = {"POCL_MAX_PTHREAD_COUNT", "LP_NUM_THREADS"};

// Only for the version whose functions the library knows (pocl/interposition.h).
std::string_view preloaded([[maybe_unused]] const wire::DeviceTraits& traits) {
#ifndef SLUICE_SANITIZED
  if (quirks_of(traits).miscounts_handles) return "libsluice-pocl-3.1.so";
#endif
  return {};
}

constexpr DriverEnvironment environment{"OCL_ICD_VENDORS", cache_variables, processor_variables, "pocl-opencl-icd",
                                        preloaded};

}  // namespace

const DriverEnvironment& driver_environment() { return environment; }

}  // namespace sluice::backend::opencl
