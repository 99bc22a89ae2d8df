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
  if ((device_count == 0) != (device_list == nullptr)) return false;
  return std::all_of(device_list, device_list + device_count,
                     [](cl_device_id device) { return checked(device) != nullptr; });
}

bool valid_device_or_null(cl_device_id device) { return device == nullptr || checked(device) != nullptr; }

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
  return device_info(session->traits(), param_name, InfoReply(param_value_size, param_value, param_value_size_ret));
}

cl_int clRetainDevice(cl_device_id device) { return checked(device) ? CL_SUCCESS : CL_INVALID_DEVICE; }
cl_int clReleaseDevice(cl_device_id device) { return checked(device) ? CL_SUCCESS : CL_INVALID_DEVICE; }

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
