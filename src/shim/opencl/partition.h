// How a device's compute units are cut into parts: the rules of clCreateSubDevices (OpenCL 3.0, section 4.3) as pure
// arithmetic. Parts are runs of units, one behind the other.
#pragma once

#include <CL/cl.h>

#include <vector>

namespace sluice::opencl {

struct UnitRange {
  cl_uint first = 0, count = 0;
};

struct Partition {
  cl_int error = CL_SUCCESS;  // or what clCreateSubDevices returns
  std::vector<UnitRange> parts;
  std::vector<cl_device_partition_property> scheme;  // the list as it was read, with its zero
};

// Cuts `whole` as `list` says: equally or by counts. `list` may be null, and is read no further than it must be.
Partition cut(UnitRange whole, const cl_device_partition_property* list);

}  // namespace sluice::opencl
