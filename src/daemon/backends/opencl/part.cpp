// Parts of a device: the driver's own sub-devices (OpenCL 3.0, section 4.3). They share the device's context, memory
// and programs, so that all a session has works on all of them.
#include "daemon/backends/opencl/device.h"

namespace sluice::backend::opencl {
namespace {

bool offers(cl_device_id device, cl_device_partition_property scheme) {
  const auto schemes =
      list_of<cl_device_partition_property>(asking(clGetDeviceInfo, device), CL_DEVICE_PARTITION_PROPERTIES);
  return std::find(schemes.begin(), schemes.end(), scheme) != schemes.end();
}

}  // namespace

// The standard lets a queue be made only on a device that the context was made with; the context here has the device
// alone. PoCL takes its sub-devices there too; what another driver does is found by trying.
bool OpenClDevice::can_partition() {
  if (traits_.compute_units < 2 || !offers(device_, CL_DEVICE_PARTITION_BY_COUNTS)) return false;
  const cl_device_id last = part(traits_.compute_units - 1, 1);
  return last != nullptr && make_queue(last, false).ok();
}

// Kept until the process ends: a thread of PoCL 3.1 still looks at a part after its last command has ended and its last
// queue is gone. There are no more of them than runs of units, however many queues a program makes.
cl_device_id OpenClDevice::part(std::uint32_t first_unit, std::uint32_t units) {
  cl_device_id& known = parts_[{first_unit, units}];
  if (known == nullptr) known = carve(first_unit, units);
  return known;
}

// By counts: what lies in front, if anything, then what is wanted.
cl_device_id OpenClDevice::carve(std::uint32_t first_unit, std::uint32_t units) const {
  std::vector<cl_device_partition_property> list = {CL_DEVICE_PARTITION_BY_COUNTS};
  if (first_unit != 0) list.push_back(first_unit);
  list.insert(list.end(), {units, CL_DEVICE_PARTITION_BY_COUNTS_LIST_END, 0});
  cl_device_id parts[2] = {};
  const cl_uint count = first_unit != 0 ? 2 : 1;
  if (clCreateSubDevices(device_, list.data(), count, parts, nullptr) != CL_SUCCESS) return nullptr;
  if (count == 2) clReleaseDevice(parts[0]);
  return parts[count - 1];
}

}  // namespace sluice::backend::opencl
