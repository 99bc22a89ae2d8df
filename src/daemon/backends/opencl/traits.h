// What a driver says of a device, in neutral words.
#pragma once

#include "daemon/backends/opencl/api.h"
#include "wire/device_traits.h"

namespace sluice::backend::opencl {

inline constexpr char pocl_platform[] = "Portable Computing Language";

// `number` tells devices of a platform apart that describe themselves alike.
wire::DeviceTraits read_traits(cl_platform_id platform, cl_device_id device, cl_context context, std::size_t number);

}  // namespace sluice::backend::opencl
