// The one device: the virtual GPU that is this session's slice. A static handle, never freed, without state of its
// own: every answer comes from the session's traits. It is a root device, so retaining it has no effect.
#pragma once

#include "shim/opencl/info.h"
#include "shim/opencl/object.h"
#include "shim/session.h"

struct _cl_device_id final : public sluice::opencl::ObjectOf<_cl_device_id, sluice::opencl::Kind::device> {};

namespace sluice::opencl {

cl_device_id the_device();

// True if every entry is the one device, which every context holds. An empty null list stands for all devices.
bool valid_device_list(cl_uint device_count, const cl_device_id* device_list);
// For calls on one device, where null stands for the only one (clGetKernelWorkGroupInfo and its like).
bool valid_device_or_null(cl_device_id device);

// Whether a cl_device_type is one at all, and whether a virtual GPU is among what it asks for.
bool valid_device_type(cl_device_type type);
bool matches_device_type(cl_device_type type);

// Answers clGetDeviceInfo from the traits alone (OpenCL 3.0, section 4.2, table 5).
cl_int device_info(const wire::DeviceTraits& traits, cl_device_info name, const InfoReply& reply);

// What of a device's extensions and OpenCL C features the front end passes on: those that need nothing from it.
bool offered_extension(std::string_view name);
bool offered_c_feature(std::string_view name);

}  // namespace sluice::opencl
