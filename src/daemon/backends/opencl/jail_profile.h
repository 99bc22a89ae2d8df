// What OpenCL drivers need in a worker's jail: see backends/jail_profile.h.
#pragma once

#include "daemon/backends/jail_profile.h"

namespace sluice::backend::opencl {

const JailProfile& jail_profile();

}  // namespace sluice::backend::opencl
