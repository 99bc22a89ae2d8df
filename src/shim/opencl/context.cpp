#include "shim/opencl/context.h"

#include <algorithm>

#include "shim/opencl/error.h"
#include "shim/opencl/info.h"
#include "shim/opencl/platform.h"

using namespace sluice::opencl;
using sluice::shim::Session;

_cl_context::_cl_context(Session& session, DeviceRefs devices, std::vector<cl_context_properties> properties,
                         ContextNotify notify, void* notify_data)
    : session_(session),
      devices_(std::move(devices)),
      properties_(std::move(properties)),
      notify_(notify),
      notify_data_(notify_data) {}

_cl_context::~_cl_context() {
  for (auto callback = destructors_.rbegin(); callback != destructors_.rend(); ++callback)
    callback->first(this, callback->second);
}

void _cl_context::add_destructor(ContextDestructor callback, void* user_data) {
  std::lock_guard lock(mutex_);
  destructors_.emplace_back(callback, user_data);
}

cl_int _cl_context::report_lost() {
  if (notify_ != nullptr && !loss_reported_.exchange(true))
    notify_("Sluice: the session's worker is gone; its objects are lost", nullptr, 0, notify_data_);
  return CL_OUT_OF_RESOURCES;
}

namespace sluice::opencl {
namespace {

cl_int check_property(cl_context_properties name, cl_context_properties value) {
  switch (name) {
    case CL_CONTEXT_PLATFORM:
      return checked(reinterpret_cast<cl_platform_id>(value)) != nullptr ? CL_SUCCESS : CL_INVALID_PLATFORM;
    case CL_CONTEXT_INTEROP_USER_SYNC: return value == CL_TRUE || value == CL_FALSE ? CL_SUCCESS : CL_INVALID_PROPERTY;
    default: return CL_INVALID_PROPERTY;
  }
}

// Copies the list with its terminating zero. Every name may be there once.
cl_int take_properties(const cl_context_properties* list, std::vector<cl_context_properties>& taken) {
  if (list == nullptr) return CL_SUCCESS;
  for (; *list != 0; list += 2) {
    for (std::size_t i = 0; i < taken.size(); i += 2)
      if (taken[i] == list[0]) return CL_INVALID_PROPERTY;
    if (const cl_int error = check_property(list[0], list[1]); error != CL_SUCCESS) return error;
    taken.insert(taken.end(), {list[0], list[1]});
  }
  taken.push_back(0);
  return CL_SUCCESS;
}

cl_context create(const cl_context_properties* properties, cl_uint device_count, const cl_device_id* devices,
                  ContextNotify notify, void* user_data, cl_int* errcode_ret) {
  if (notify == nullptr && user_data != nullptr) return failed(errcode_ret, CL_INVALID_VALUE);
  std::vector<cl_context_properties> taken;
  if (const cl_int error = take_properties(properties, taken); error != CL_SUCCESS) return failed(errcode_ret, error);
  Session* session = Session::get();
  if (session == nullptr || session->lost()) return failed(errcode_ret, CL_DEVICE_NOT_AVAILABLE);
  set_error(errcode_ret, CL_SUCCESS);
  return new _cl_context(*session, take_devices(device_count, devices), std::move(taken), notify, user_data);
}

}  // namespace
}  // namespace sluice::opencl

cl_context clCreateContext(const cl_context_properties* properties, cl_uint num_devices, const cl_device_id* devices,
                           void(CL_CALLBACK* pfn_notify)(const char*, const void*, size_t, void*), void* user_data,
                           cl_int* errcode_ret) {
  if (devices == nullptr || num_devices == 0) return failed(errcode_ret, CL_INVALID_VALUE);
  if (!valid_device_list(num_devices, devices)) return failed(errcode_ret, CL_INVALID_DEVICE);
  return guarded(errcode_ret,
                 [&] { return create(properties, num_devices, devices, pfn_notify, user_data, errcode_ret); });
}

cl_context clCreateContextFromType(const cl_context_properties* properties, cl_device_type device_type,
                                   void(CL_CALLBACK* pfn_notify)(const char*, const void*, size_t, void*),
                                   void* user_data, cl_int* errcode_ret) {
  if (!valid_device_type(device_type)) return failed(errcode_ret, CL_INVALID_DEVICE_TYPE);
  if (!matches_device_type(device_type)) return failed(errcode_ret, CL_DEVICE_NOT_FOUND);
  const cl_device_id device = the_device();
  return guarded(errcode_ret, [&] { return create(properties, 1, &device, pfn_notify, user_data, errcode_ret); });
}

cl_int clRetainContext(cl_context context) {
  if (!checked(context)) return CL_INVALID_CONTEXT;
  context->retain();
  return CL_SUCCESS;
}

cl_int clReleaseContext(cl_context context) {
  if (!checked(context)) return CL_INVALID_CONTEXT;
  context->release();
  return CL_SUCCESS;
}

cl_int clSetContextDestructorCallback(cl_context context, void(CL_CALLBACK* pfn_notify)(cl_context, void*),
                                      void* user_data) {
  if (!checked(context)) return CL_INVALID_CONTEXT;
  if (pfn_notify == nullptr) return CL_INVALID_VALUE;
  return guarded([&] {
    context->add_destructor(pfn_notify, user_data);
    return CL_SUCCESS;
  });
}

cl_int clGetContextInfo(cl_context context, cl_context_info param_name, size_t param_value_size, void* param_value,
                        size_t* param_value_size_ret) {
  if (!checked(context)) return CL_INVALID_CONTEXT;
  const InfoReply reply(param_value_size, param_value, param_value_size_ret);
  switch (param_name) {
    case CL_CONTEXT_REFERENCE_COUNT: return reply.value<cl_uint>(context->references());
    case CL_CONTEXT_NUM_DEVICES: return reply.value<cl_uint>(static_cast<cl_uint>(context->devices().size()));
    case CL_CONTEXT_DEVICES: return devices_info(context->devices(), reply);
    case CL_CONTEXT_PROPERTIES: return reply.array<cl_context_properties>(context->properties());
    default: return CL_INVALID_VALUE;
  }
}
