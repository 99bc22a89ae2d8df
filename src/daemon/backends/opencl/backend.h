// The OpenCL backend: every device of every platform that the system's ICD loader offers.
#pragma once

#include <memory>

#include "daemon/backends/backend.h"

namespace sluice::backend::opencl {

std::unique_ptr<Backend> make_backend();

}  // namespace sluice::backend::opencl
