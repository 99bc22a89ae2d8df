// The environment variables that OpenCL's loader and its drivers go by.
#pragma once

#include "daemon/backends/driver_environment.h"

namespace sluice::backend::opencl {

const DriverEnvironment& driver_environment();

}  // namespace sluice::backend::opencl
