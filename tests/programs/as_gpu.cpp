// A layer of the OpenCL loader (cl_layer.h) for the native side of a comparison: its devices are GPUs, as the pool's
// virtual GPU is. Programs that choose their work by the kind of device (clpeak does several times as much on a GPU)
// then do the same work on both sides. Loaded by OPENCL_LAYERS; passes on every other call untouched.
#include <cstring>

#include "layer.h"

namespace {

const cl_icd_dispatch* below;
cl_icd_dispatch above;

// What a program that asks for GPUs finds; whoever asks for processors finds none.
cl_device_type type_below(cl_device_type wanted) {
  if (wanted == CL_DEVICE_TYPE_ALL || wanted == CL_DEVICE_TYPE_DEFAULT) return wanted;
  return (wanted & CL_DEVICE_TYPE_GPU) != 0 ? CL_DEVICE_TYPE_ALL : wanted & ~CL_DEVICE_TYPE_CPU;
}

cl_int CL_API_CALL device_ids(cl_platform_id platform, cl_device_type wanted, cl_uint room, cl_device_id* devices,
                              cl_uint* count) {
  const cl_device_type type = type_below(wanted);
  if (type != 0) return below->clGetDeviceIDs(platform, type, room, devices, count);
  if (count != nullptr) *count = 0;
  return CL_DEVICE_NOT_FOUND;
}

cl_int CL_API_CALL device_info(cl_device_id device, cl_device_info what, size_t room, void* value, size_t* bytes) {
  const cl_int result = below->clGetDeviceInfo(device, what, room, value, bytes);
  constexpr cl_device_type gpu = CL_DEVICE_TYPE_GPU;
  if (result == CL_SUCCESS && what == CL_DEVICE_TYPE && value != nullptr) std::memcpy(value, &gpu, sizeof gpu);
  return result;
}

cl_context CL_API_CALL context_from_type(const cl_context_properties* properties, cl_device_type wanted,
                                         void(CL_CALLBACK* notify)(const char*, const void*, size_t, void*), void* data,
                                         cl_int* error) {
  return below->clCreateContextFromType(properties, type_below(wanted), notify, data, error);
}

}  // namespace

cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t room, void* value, size_t* bytes) {
  return layer::info("every device a GPU", what, room, value, bytes);
}

cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch* target, cl_uint* entries_made,
                               const cl_icd_dispatch** made) {
  if (const cl_int error = layer::init(entries, target, entries_made, made, above)) return error;
  below = target;
  above.clGetDeviceIDs = device_ids;
  above.clGetDeviceInfo = device_info;
  above.clCreateContextFromType = context_from_type;
  return CL_SUCCESS;
}
