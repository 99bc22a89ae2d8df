#include "shim/opencl/partition.h"

namespace sluice::opencl {
namespace {

// A cl_device_partition_property is signed, but its values are unsigned in the standard's table.
bool within(cl_device_partition_property value, cl_uint largest) { return value > 0 && value <= cl_long{largest}; }

Partition cut_equally(UnitRange whole, const cl_device_partition_property* list) {
  if (!within(list[1], whole.count) || list[2] != 0) return {CL_INVALID_VALUE, {}, {}};
  Partition cut;
  const auto size = static_cast<cl_uint>(list[1]);
  for (cl_uint at = 0; at + size <= whole.count; at += size) cut.parts.push_back({whole.first + at, size});
  cut.scheme.assign(list, list + 3);
  return cut;
}

Partition cut_by_counts(UnitRange whole, const cl_device_partition_property* list) {
  Partition cut;
  cl_uint taken = 0;
  const cl_device_partition_property* at = list + 1;
  for (; *at != CL_DEVICE_PARTITION_BY_COUNTS_LIST_END; ++at) {
    if (!within(*at, whole.count - taken)) return {CL_INVALID_DEVICE_PARTITION_COUNT, {}, {}};
    const auto size = static_cast<cl_uint>(*at);
    cut.parts.push_back({whole.first + taken, size});
    taken += size;
  }
  if (cut.parts.empty() || at[1] != 0) return {CL_INVALID_VALUE, {}, {}};
  cut.scheme.assign(list, at + 2);
  return cut;
}

}  // namespace

Partition cut(UnitRange whole, const cl_device_partition_property* list) {
  if (list == nullptr) return {CL_INVALID_VALUE, {}, {}};
  const bool equally = list[0] == CL_DEVICE_PARTITION_EQUALLY;
  if (!equally && list[0] != CL_DEVICE_PARTITION_BY_COUNTS) return {CL_INVALID_VALUE, {}, {}};
  if (whole.count < 2) return {CL_DEVICE_PARTITION_FAILED, {}, {}};
  return equally ? cut_equally(whole, list) : cut_by_counts(whole, list);
}

}  // namespace sluice::opencl
