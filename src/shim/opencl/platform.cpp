#include "shim/opencl/platform.h"

#include <CL/cl_ext.h>

#include "shim/opencl/info.h"
#include "shim/session.h"

namespace sluice::opencl {
namespace {

constexpr char extension_names[] = "cl_khr_icd";
constexpr cl_name_version extension_versions[] = {{CL_MAKE_VERSION(1, 0, 0), "cl_khr_icd"}};

cl_int list_platforms(cl_uint room, cl_platform_id* platforms, cl_uint* platform_count) {
  if ((room == 0 && platforms != nullptr) || (platforms == nullptr && platform_count == nullptr))
    return CL_INVALID_VALUE;
  const bool found = shim::Session::get() != nullptr;
  if (platform_count != nullptr) *platform_count = found ? 1 : 0;
  if (!found) return CL_PLATFORM_NOT_FOUND_KHR;
  if (platforms != nullptr) platforms[0] = the_platform();
  return CL_SUCCESS;
}

}  // namespace

cl_platform_id the_platform() {
  static const cl_platform_id platform = new _cl_platform_id;  // outlives the program's static destructors
  return platform;
}

bool valid_platform_or_null(cl_platform_id platform) { return platform == nullptr || checked(platform) != nullptr; }

}  // namespace sluice::opencl

using namespace sluice::opencl;

cl_int clGetPlatformIDs(cl_uint num_entries, cl_platform_id* platforms, cl_uint* num_platforms) {
  return list_platforms(num_entries, platforms, num_platforms);
}

cl_int clIcdGetPlatformIDsKHR(cl_uint num_entries, cl_platform_id* platforms, cl_uint* num_platforms) {
  return list_platforms(num_entries, platforms, num_platforms);
}

cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info param_name, size_t param_value_size,
                         void* param_value, size_t* param_value_size_ret) {
  if (!valid_platform_or_null(platform)) return CL_INVALID_PLATFORM;
  if (platform == nullptr && sluice::shim::Session::get() == nullptr) return CL_INVALID_PLATFORM;
  const InfoReply reply(param_value_size, param_value, param_value_size_ret);
  switch (param_name) {
    case CL_PLATFORM_NAME:
    case CL_PLATFORM_VENDOR: return reply.string("Sluice");
    case CL_PLATFORM_VERSION: return reply.string("OpenCL 3.0 Sluice " SLUICE_VERSION);
    case CL_PLATFORM_NUMERIC_VERSION: return reply.value<cl_version>(CL_MAKE_VERSION(3, 0, 0));
    case CL_PLATFORM_PROFILE: return reply.string("FULL_PROFILE");
    case CL_PLATFORM_EXTENSIONS: return reply.string(extension_names);
    case CL_PLATFORM_EXTENSIONS_WITH_VERSION: return reply.array<cl_name_version>(extension_versions);
    case CL_PLATFORM_HOST_TIMER_RESOLUTION: return reply.value<cl_ulong>(1);
    case CL_PLATFORM_ICD_SUFFIX_KHR: return reply.string("SLUICE");
    default: return CL_INVALID_VALUE;
  }
}
