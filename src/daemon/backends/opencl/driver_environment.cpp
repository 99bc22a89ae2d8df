#include "daemon/backends/opencl/driver_environment.h"

namespace sluice::backend::opencl {
namespace {

// Mesa's drivers keep nothing: see make_backend.
constexpr const char* cache_variables[] = {"POCL_CACHE_DIR"};

constexpr DriverEnvironment environment{"OCL_ICD_VENDORS", cache_variables, "pocl-opencl-icd"};

}  // namespace

const DriverEnvironment& driver_environment() { return environment; }

}  // namespace sluice::backend::opencl
