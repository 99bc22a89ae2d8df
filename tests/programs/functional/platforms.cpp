// Platforms, devices, contexts: what is there, what it says of itself, and what it says to nonsense.
#include <cstring>

#include "rig.h"

namespace functional {

TEST("platform: there is one, and it names itself") {
  cl_uint count = 0;
  EXPECT_OK(clGetPlatformIDs(0, nullptr, &count));
  EXPECT(count == 1);
  EXPECT_CODE(clGetPlatformIDs(0, nullptr, nullptr), CL_INVALID_VALUE);
  for (const cl_platform_info what : {CL_PLATFORM_NAME, CL_PLATFORM_VENDOR, CL_PLATFORM_VERSION, CL_PLATFORM_PROFILE}) {
    EXPECT(!text_info(clGetPlatformInfo, rig().platform, what).empty());
  }
  EXPECT(text_info(clGetPlatformInfo, rig().platform, CL_PLATFORM_VERSION).rfind("OpenCL 3.0 ", 0) == 0);
  EXPECT(text_info(clGetPlatformInfo, rig().platform, CL_PLATFORM_EXTENSIONS).find("cl_khr_icd") != std::string::npos);
  EXPECT_CODE(clGetPlatformInfo(rig().platform, 0x1, 0, nullptr, nullptr), CL_INVALID_VALUE);
  char one = 0;
  EXPECT_CODE(clGetPlatformInfo(rig().platform, CL_PLATFORM_NAME, 1, &one, nullptr), CL_INVALID_VALUE);
}

TEST("device: wrong questions for devices are refused") {
  cl_device_id device = nullptr;
  cl_uint count = 0;
  EXPECT_CODE(clGetDeviceIDs(rig().platform, CL_DEVICE_TYPE_ALL, 0, &device, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clGetDeviceIDs(rig().platform, CL_DEVICE_TYPE_ALL, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clGetDeviceIDs(rig().platform, CL_DEVICE_TYPE_ACCELERATOR, 1, &device, &count), CL_DEVICE_NOT_FOUND);
  EXPECT_OK(clGetDeviceIDs(rig().platform, CL_DEVICE_TYPE_DEFAULT, 1, &device, &count));
  EXPECT(count == 1 && device == rig().device);
}

TEST("device: an unknown type of device is refused") {
  cl_device_id device = nullptr;
  EXPECT_CODE(clGetDeviceIDs(rig().platform, 0x100, 1, &device, nullptr), CL_INVALID_DEVICE_TYPE);
}

TEST("device: every query answers, and in full only with enough room") {
  std::vector<cl_device_info> all;
  for (cl_device_info what = 0x1000; what <= 0x1073; ++what) all.push_back(what);
  for (const cl_device_info what : all) {
    std::size_t bytes = 0;
    if (clGetDeviceInfo(rig().device, what, 0, nullptr, &bytes) != CL_SUCCESS || bytes == 0) continue;
    std::vector<char> room(bytes + 1, 0x55);
    EXPECT_OK(clGetDeviceInfo(rig().device, what, bytes, room.data(), nullptr));
    EXPECT(room[bytes] == 0x55);
    EXPECT_CODE(clGetDeviceInfo(rig().device, what, bytes - 1, room.data(), nullptr), CL_INVALID_VALUE);
  }
}

TEST("device: the queries that programs live by make sense") {
  const auto number = [](cl_device_info what) { return info<cl_ulong>(clGetDeviceInfo, rig().device, what); };
  const auto size = [](cl_device_info what) { return info<std::size_t>(clGetDeviceInfo, rig().device, what); };
  const auto small = [](cl_device_info what) { return info<cl_uint>(clGetDeviceInfo, rig().device, what); };
  EXPECT(small(CL_DEVICE_MAX_COMPUTE_UNITS) >= 1);
  EXPECT(small(CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS) == 3);
  EXPECT(size(CL_DEVICE_MAX_WORK_GROUP_SIZE) >= 1);
  EXPECT(number(CL_DEVICE_GLOBAL_MEM_SIZE) >= number(CL_DEVICE_MAX_MEM_ALLOC_SIZE));
  EXPECT(number(CL_DEVICE_LOCAL_MEM_SIZE) >= 32 * 1024);
  EXPECT(info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_AVAILABLE) == CL_TRUE);
  EXPECT(info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_COMPILER_AVAILABLE) == CL_TRUE);
  EXPECT(info<cl_platform_id>(clGetDeviceInfo, rig().device, CL_DEVICE_PLATFORM) == rig().platform);
  EXPECT(small(CL_DEVICE_REFERENCE_COUNT) == 1);
  EXPECT(info<cl_device_id>(clGetDeviceInfo, rig().device, CL_DEVICE_PARENT_DEVICE) == nullptr);
  EXPECT(!text_info(clGetDeviceInfo, rig().device, CL_DEVICE_NAME).empty());
  EXPECT(text_info(clGetDeviceInfo, rig().device, CL_DEVICE_VERSION).rfind("OpenCL ", 0) == 0);
  EXPECT(text_info(clGetDeviceInfo, rig().device, CL_DEVICE_PROFILE) == "FULL_PROFILE");
  EXPECT_CODE(clGetDeviceInfo(rig().device, 0x1, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clGetDeviceInfo(nullptr, CL_DEVICE_NAME, 0, nullptr, nullptr), CL_INVALID_DEVICE);
}

TEST("device: a root device may be retained and released without end") {
  for (int i = 0; i < 3; ++i) EXPECT_OK(clReleaseDevice(rig().device));
  EXPECT_OK(clRetainDevice(rig().device));
  EXPECT(info<cl_uint>(clGetDeviceInfo, rig().device, CL_DEVICE_REFERENCE_COUNT) == 1);
}

TEST("device: partition follows the device's word") {
  const auto parts_max = info<cl_uint>(clGetDeviceInfo, rig().device, CL_DEVICE_PARTITION_MAX_SUB_DEVICES);
  const cl_device_partition_property by_one[] = {CL_DEVICE_PARTITION_EQUALLY, 1, 0};
  cl_device_id parts[64] = {};
  cl_uint count = 0;
  const cl_int code = clCreateSubDevices(rig().device, by_one, 64, parts, &count);
  if (parts_max <= 1) {
    EXPECT_EITHER(code, CL_INVALID_VALUE, CL_DEVICE_PARTITION_FAILED);
  } else {
    EXPECT_OK(code);
    for (cl_uint i = 0; i < count; ++i) EXPECT_OK(clReleaseDevice(parts[i]));
  }
}

TEST("device: an unknown extension function is null") {
  EXPECT(clGetExtensionFunctionAddressForPlatform(rig().platform, "clNoSuchFunctionEXT") == nullptr);
}

TEST("device: timers follow the device's word") {
  cl_ulong device_time = 0, host_time = 0;
  const cl_int code = clGetDeviceAndHostTimer(rig().device, &device_time, &host_time);
  EXPECT_EITHER(code, CL_SUCCESS, CL_INVALID_OPERATION);
  if (code == CL_SUCCESS) EXPECT(device_time > 0 && host_time > 0);
}

TEST("device: shared virtual memory follows the device's word") {
  const auto can = info<cl_device_svm_capabilities>(clGetDeviceInfo, rig().device, CL_DEVICE_SVM_CAPABILITIES);
  void* memory = clSVMAlloc(rig().context, CL_MEM_READ_WRITE, 4096, 0);
  EXPECT((memory != nullptr) == (can != 0));
  if (memory == nullptr) return;
  std::memset(memory, 1, 16);
  clSVMFree(rig().context, memory);
}

TEST("device: pipes follow the device's word") {
  const auto can = info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_PIPE_SUPPORT);
  cl_int code = CL_SUCCESS;
  Memory pipe = clCreatePipe(rig().context, 0, 4, 16, nullptr, &code);
  EXPECT((pipe != nullptr) == (code == CL_SUCCESS));
  EXPECT(can == CL_TRUE || code == CL_INVALID_OPERATION);
}

TEST("context: its queries answer") {
  cl_int code = CL_SUCCESS;
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                              reinterpret_cast<cl_context_properties>(rig().platform), 0};
  Context context = clCreateContext(properties, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(code);
  EXPECT(info<cl_uint>(clGetContextInfo, context, CL_CONTEXT_NUM_DEVICES) == 1);
  EXPECT(info<cl_device_id>(clGetContextInfo, context, CL_CONTEXT_DEVICES) == rig().device);
  EXPECT(info<cl_uint>(clGetContextInfo, context, CL_CONTEXT_REFERENCE_COUNT) == 1);
  cl_context_properties got[8] = {};
  std::size_t bytes = 0;
  EXPECT_OK(clGetContextInfo(context, CL_CONTEXT_PROPERTIES, sizeof got, got, &bytes));
  EXPECT(bytes == sizeof properties && got[0] == properties[0] && got[1] == properties[1] && got[2] == 0);
  EXPECT_OK(clRetainContext(context));
  EXPECT(info<cl_uint>(clGetContextInfo, context, CL_CONTEXT_REFERENCE_COUNT) == 2);
  EXPECT_OK(clReleaseContext(context));
  EXPECT_CODE(clGetContextInfo(context, 0x1, 0, nullptr, nullptr), CL_INVALID_VALUE);
}

TEST("context: made by type") {
  cl_int code = CL_SUCCESS;
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                              reinterpret_cast<cl_context_properties>(rig().platform), 0};
  Context context = clCreateContextFromType(properties, CL_DEVICE_TYPE_ALL, nullptr, nullptr, &code);
  EXPECT_OK(code);
  EXPECT(info<cl_device_id>(clGetContextInfo, context, CL_CONTEXT_DEVICES) == rig().device);
}

TEST("context: not made by a type that is not there") {
  cl_int code = CL_SUCCESS;
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                              reinterpret_cast<cl_context_properties>(rig().platform), 0};
  EXPECT(clCreateContextFromType(properties, CL_DEVICE_TYPE_ACCELERATOR, nullptr, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_DEVICE_NOT_FOUND);
}

TEST("context: wrong ones are refused") {
  cl_int code = CL_SUCCESS;
  const cl_device_id nothing = nullptr;
  const cl_context_properties odd[] = {0x9999, 1, 0};
  int user = 0;
  const auto create = [&](const cl_context_properties* properties, cl_uint count, const cl_device_id* devices,
                          void* data) {
    EXPECT(clCreateContext(properties, count, devices, nullptr, data, &code) == nullptr);
    return code;
  };
  EXPECT_CODE(create(nullptr, 0, &rig().device, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(create(nullptr, 1, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(create(nullptr, 1, &nothing, nullptr), CL_INVALID_DEVICE);
  EXPECT_CODE(create(nullptr, 1, &rig().device, &user), CL_INVALID_VALUE);
  EXPECT_CODE(create(odd, 1, &rig().device, nullptr), CL_INVALID_PROPERTY);
  EXPECT_CODE(clReleaseContext(nullptr), CL_INVALID_CONTEXT);
}

TEST("context: what is made in it outlives the program's own reference") {
  cl_int code = CL_SUCCESS;
  Context context = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  Queue queue = clCreateCommandQueue(context, rig().device, 0, &code);
  Memory buffer = clCreateBuffer(context, CL_MEM_READ_WRITE, 64, nullptr, &code);
  EXPECT_OK(code);
  context.reset();
  const int value = 5;
  EXPECT_OK(clEnqueueFillBuffer(queue, buffer, &value, 4, 0, 64, 0, nullptr, nullptr));
  EXPECT_OK(clFinish(queue));
}

TEST("context: a destructor callback is called when the context goes") {
  static int calls;
  calls = 0;
  cl_int code = CL_SUCCESS;
  Context context = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(clSetContextDestructorCallback(
      context, [](cl_context, void*) { ++calls; }, nullptr));
  context.reset();
  EXPECT(eventually([] { return calls == 1; }));
}

TEST("null handles get the error of their kind") {
  std::size_t bytes = 0;
  EXPECT_CODE(clRetainMemObject(nullptr), CL_INVALID_MEM_OBJECT);
  EXPECT_CODE(clReleaseMemObject(nullptr), CL_INVALID_MEM_OBJECT);
  EXPECT_CODE(clReleaseKernel(nullptr), CL_INVALID_KERNEL);
  EXPECT_CODE(clReleaseEvent(nullptr), CL_INVALID_EVENT);
  EXPECT_CODE(clReleaseSampler(nullptr), CL_INVALID_SAMPLER);
  EXPECT_CODE(clReleaseCommandQueue(nullptr), CL_INVALID_COMMAND_QUEUE);
  EXPECT_CODE(clGetMemObjectInfo(nullptr, CL_MEM_SIZE, 0, nullptr, &bytes), CL_INVALID_MEM_OBJECT);
  EXPECT_CODE(clGetKernelInfo(nullptr, CL_KERNEL_NUM_ARGS, 0, nullptr, &bytes), CL_INVALID_KERNEL);
  EXPECT_CODE(clGetProgramInfo(nullptr, CL_PROGRAM_SOURCE, 0, nullptr, &bytes), CL_INVALID_PROGRAM);
  EXPECT_CODE(clGetEventInfo(nullptr, CL_EVENT_CONTEXT, 0, nullptr, &bytes), CL_INVALID_EVENT);
  EXPECT_CODE(clGetContextInfo(nullptr, CL_CONTEXT_DEVICES, 0, nullptr, &bytes), CL_INVALID_CONTEXT);
}

}  // namespace functional
