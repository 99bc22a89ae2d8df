// What a driver says of a built program's kernels, in neutral words.
#pragma once

#include <vector>

#include "daemon/backends/opencl/api.h"
#include "wire/kernel_traits.h"

namespace sluice::backend::opencl {

// In the driver's order. Empty: the program holds no executable.
std::vector<wire::KernelTraits> describe_kernels(cl_program program, cl_device_id device);

wire::BinaryKind binary_kind_of(cl_program program, cl_device_id device);

// Bytes that an argument of this type takes by value, for OpenCL C's own scalar and vector types; 0: another type.
std::uint32_t bytes_of_type(std::string_view name);

}  // namespace sluice::backend::opencl
