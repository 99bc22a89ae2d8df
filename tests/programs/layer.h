// What every layer of the OpenCL loader (cl_layer.h) tells the loader: its name, and the calls that it stands before.
#pragma once

#include <CL/cl_layer.h>

#include <cstring>
#include <string>

namespace layer {

// The answer of clGetLayerInfo.
inline cl_int info(const std::string& name, cl_layer_info what, size_t room, void* value, size_t* bytes) {
  constexpr cl_layer_api_version version = CL_LAYER_API_VERSION_100;
  if (what != CL_LAYER_API_VERSION && what != CL_LAYER_NAME) return CL_INVALID_VALUE;
  const void* answer = what == CL_LAYER_NAME ? static_cast<const void*>(name.c_str()) : &version;
  const size_t size = what == CL_LAYER_NAME ? name.size() + 1 : sizeof version;
  if (value != nullptr && room < size) return CL_INVALID_VALUE;
  if (value != nullptr) std::memcpy(value, answer, size);
  if (bytes != nullptr) *bytes = size;
  return CL_SUCCESS;
}

// The work of clInitLayer: `above` becomes what the loader calls, `target` until the layer changes it.
inline cl_int init(cl_uint entries, const cl_icd_dispatch* target, cl_uint* entries_made, const cl_icd_dispatch** layer,
                   cl_icd_dispatch& above) {
  constexpr cl_uint entries_wanted = sizeof above / sizeof above.clGetPlatformIDs;
  if (target == nullptr || entries_made == nullptr || layer == nullptr || entries < entries_wanted)
    return CL_INVALID_VALUE;
  above = *target;
  *entries_made = entries_wanted;
  *layer = &above;
  return CL_SUCCESS;
}

}  // namespace layer
