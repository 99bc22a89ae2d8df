// Parts of the virtual GPU (OpenCL 3.0, section 4.3). The worker learns of a part by the queues that are made on it;
// all else (memory, programs) belongs to the whole device, and works on its parts.
#include "shim/opencl/device.h"
#include "shim/opencl/error.h"

using namespace sluice::opencl;
using sluice::shim::Session;

cl_int clCreateSubDevices(cl_device_id in_device, const cl_device_partition_property* properties, cl_uint num_devices,
                          cl_device_id* out_devices, cl_uint* num_devices_ret) {
  if (!checked(in_device)) return CL_INVALID_DEVICE;
  const Session* session = Session::get();
  if (session == nullptr) return CL_OUT_OF_RESOURCES;
  if (!session->traits().partitionable) return CL_INVALID_VALUE;
  return guarded([&]() -> cl_int {
    Partition made = cut(in_device->units(session->traits()), properties);
    if (made.error != CL_SUCCESS) return made.error;
    const auto count = static_cast<cl_uint>(made.parts.size());
    if (out_devices != nullptr && num_devices < count) return CL_INVALID_VALUE;
    DeviceRefs devices;  // all of them or none
    for (cl_uint i = 0; out_devices != nullptr && i < count; ++i)
      devices.push_back(Ref<_cl_device_id>::adopt(new _cl_device_id(*in_device, made.parts[i], made.scheme)));
    for (std::size_t i = 0; i < devices.size(); ++i) out_devices[i] = devices[i].leak();
    if (num_devices_ret != nullptr) *num_devices_ret = count;
    return CL_SUCCESS;
  });
}

cl_int clRetainDevice(cl_device_id device) {
  if (!checked(device)) return CL_INVALID_DEVICE;
  if (!device->is_root()) device->retain();
  return CL_SUCCESS;
}

cl_int clReleaseDevice(cl_device_id device) {
  if (!checked(device)) return CL_INVALID_DEVICE;
  if (!device->is_root()) device->release();
  return CL_SUCCESS;
}

// cl_ext_device_fission, which is not offered: its lists are of another form.
cl_int clCreateSubDevicesEXT(cl_device_id in_device, const cl_device_partition_property_ext*, cl_uint, cl_device_id*,
                             cl_uint*) {
  return checked(in_device) ? CL_INVALID_VALUE : CL_INVALID_DEVICE;
}

cl_int clRetainDeviceEXT(cl_device_id device) { return clRetainDevice(device); }
cl_int clReleaseDeviceEXT(cl_device_id device) { return clReleaseDevice(device); }
