#include "shim/opencl/device.h"

#include <algorithm>

#include "base/clock.h"
#include "shim/opencl/platform.h"

namespace sluice::opencl {

cl_device_id the_device() {
  static const cl_device_id device = new _cl_device_id;  // outlives the program's static destructors
  return device;
}

bool valid_device_list(cl_uint device_count, const cl_device_id* device_list) {
  if (device_count == 0 || device_list == nullptr) return false;
  return std::all_of(device_list, device_list + device_count,
                     [](cl_device_id device) { return checked(device) != nullptr; });
}

DeviceRefs take_devices(cl_uint device_count, const cl_device_id* device_list) {
  DeviceRefs devices;
  for (cl_uint i = 0; i < device_count; ++i)
    if (!holds_device(devices, device_list[i])) devices.emplace_back(device_list[i]);
  return devices;
}

bool holds_device(const DeviceRefs& devices, cl_device_id device) {
  return std::any_of(devices.begin(), devices.end(), [&](const auto& held) { return held.get() == device; });
}

bool holds_devices(const DeviceRefs& devices, cl_uint device_count, const cl_device_id* device_list) {
  if ((device_count == 0) != (device_list == nullptr)) return false;
  return std::all_of(device_list, device_list + device_count,
                     [&](cl_device_id device) { return holds_device(devices, device); });
}

cl_int devices_info(const DeviceRefs& devices, const InfoReply& reply) {
  cl_device_id* into = nullptr;
  if (const cl_int error = reply.in_place<cl_device_id>(devices.size(), into); error != CL_SUCCESS) return error;
  for (std::size_t i = 0; into != nullptr && i < devices.size(); ++i) into[i] = devices[i].get();
  return CL_SUCCESS;
}

bool valid_device_type(cl_device_type type) {
  constexpr cl_device_type known = CL_DEVICE_TYPE_DEFAULT | CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_GPU |
                                   CL_DEVICE_TYPE_ACCELERATOR | CL_DEVICE_TYPE_CUSTOM;
  // A program that keeps CL_DEVICE_TYPE_ALL in an int passes it on with its sign (OpenCV 4.6 does).
  return (type & CL_DEVICE_TYPE_ALL) == CL_DEVICE_TYPE_ALL || (type != 0 && (type & ~known) == 0);
}

bool matches_device_type(cl_device_type type) { return (type & (CL_DEVICE_TYPE_DEFAULT | CL_DEVICE_TYPE_GPU)) != 0; }

}  // namespace sluice::opencl

using namespace sluice::opencl;
using sluice::shim::Session;

cl_int clGetDeviceIDs(cl_platform_id platform, cl_device_type device_type, cl_uint num_entries, cl_device_id* devices,
                      cl_uint* num_devices) {
  if (!valid_platform_or_null(platform)) return CL_INVALID_PLATFORM;
  if (!valid_device_type(device_type)) return CL_INVALID_DEVICE_TYPE;
  if ((num_entries == 0 && devices != nullptr) || (devices == nullptr && num_devices == nullptr))
    return CL_INVALID_VALUE;
  const bool found = matches_device_type(device_type) && Session::get() != nullptr;
  if (num_devices != nullptr) *num_devices = found ? 1 : 0;
  if (!found) return CL_DEVICE_NOT_FOUND;
  if (devices != nullptr) devices[0] = the_device();
  return CL_SUCCESS;
}

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info param_name, size_t param_value_size, void* param_value,
                       size_t* param_value_size_ret) {
  if (!checked(device)) return CL_INVALID_DEVICE;
  const Session* session = Session::get();
  if (session == nullptr) return CL_OUT_OF_RESOURCES;
  return device_info(*device, session->traits(), param_name,
                     InfoReply(param_value_size, param_value, param_value_size_ret));
}

// Event times are CLOCK_MONOTONIC on both sides (wire/timeline.h), so host and device share one timer.
cl_int clGetDeviceAndHostTimer(cl_device_id device, cl_ulong* device_timestamp, cl_ulong* host_timestamp) {
  if (!checked(device)) return CL_INVALID_DEVICE;
  if (device_timestamp == nullptr || host_timestamp == nullptr) return CL_INVALID_VALUE;
  *device_timestamp = *host_timestamp = sluice::now_ns();
  return CL_SUCCESS;
}

cl_int clGetHostTimer(cl_device_id device, cl_ulong* host_timestamp) {
  if (!checked(device)) return CL_INVALID_DEVICE;
  if (host_timestamp == nullptr) return CL_INVALID_VALUE;
  *host_timestamp = sluice::now_ns();
  return CL_SUCCESS;
}
