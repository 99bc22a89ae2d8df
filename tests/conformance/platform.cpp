// Platforms and devices (OpenCL 3.0, sections 4.1 to 4.3).
#include <cstring>
#include <regex>

#include "rig.h"

namespace conformance {

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
  // All of them, from a program that has kept the type in an int.
  EXPECT_OK(clGetDeviceIDs(rig().platform, ~cl_device_type{0}, 1, &device, nullptr));
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

TEST("4.1 platform calls refuse each wrong argument") {
  cl_platform_id platform = nullptr;
  std::size_t bytes = 0;
  CHECK_CODE(clGetPlatformIDs(0, &platform, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clGetPlatformIDs(1, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clGetPlatformIDs(1, &platform, nullptr), CL_SUCCESS);
  for (const cl_platform_info what :
       {CL_PLATFORM_NAME, CL_PLATFORM_VENDOR, CL_PLATFORM_VERSION, CL_PLATFORM_PROFILE, CL_PLATFORM_EXTENSIONS,
        CL_PLATFORM_NUMERIC_VERSION, CL_PLATFORM_EXTENSIONS_WITH_VERSION, CL_PLATFORM_HOST_TIMER_RESOLUTION}) {
    CHECK_CODE(clGetPlatformInfo(rig().platform, what, 0, nullptr, &bytes), CL_SUCCESS);
    std::vector<char> room(bytes + 1);
    CHECK_CODE(clGetPlatformInfo(rig().platform, what, bytes, room.data(), nullptr), CL_SUCCESS);
    CHECK_CODE(clGetPlatformInfo(rig().platform, what, bytes - 1, room.data(), nullptr), CL_INVALID_VALUE);
  }
  CHECK_CODE(clGetPlatformInfo(rig().platform, 0x1, 0, nullptr, &bytes), CL_INVALID_VALUE);
  CHECK(text_info(clGetPlatformInfo, rig().platform, CL_PLATFORM_PROFILE) == "FULL_PROFILE");
  CHECK(CL_VERSION_MAJOR(info<cl_version>(clGetPlatformInfo, rig().platform, CL_PLATFORM_NUMERIC_VERSION)) == 3);
}

TEST("4.2 clGetDeviceIDs finds by type and refuses each wrong argument") {
  cl_device_id device = nullptr;
  cl_uint count = 0;
  const auto ask = [&](cl_device_type type, cl_uint room, cl_device_id* into, cl_uint* found) {
    return clGetDeviceIDs(rig().platform, type, room, into, found);
  };
  CHECK_CODE(ask(CL_DEVICE_TYPE_ALL, 1, &device, &count), CL_SUCCESS);
  CHECK_CODE(ask(CL_DEVICE_TYPE_DEFAULT, 1, &device, &count), CL_SUCCESS);
  CHECK_CODE(ask(info<cl_device_type>(clGetDeviceInfo, device, CL_DEVICE_TYPE), 1, &device, &count), CL_SUCCESS);
  CHECK_CODE(ask(CL_DEVICE_TYPE_CUSTOM, 1, &device, &count), CL_DEVICE_NOT_FOUND);
  CHECK_CODE(ask(0, 1, &device, &count), CL_INVALID_DEVICE_TYPE);
  CHECK_CODE(ask(1 << 16, 1, &device, &count), CL_INVALID_DEVICE_TYPE);
  CHECK_CODE(ask(CL_DEVICE_TYPE_ALL, 0, &device, &count), CL_INVALID_VALUE);
  CHECK_CODE(ask(CL_DEVICE_TYPE_ALL, 1, nullptr, nullptr), CL_INVALID_VALUE);
}

TEST("4.2 a full profile's device offers at least what the standard asks") {
  const auto number = [](cl_device_info what) { return info<cl_ulong>(clGetDeviceInfo, rig().device, what); };
  const auto size = [](cl_device_info what) { return info<std::size_t>(clGetDeviceInfo, rig().device, what); };
  const auto small = [](cl_device_info what) { return info<cl_uint>(clGetDeviceInfo, rig().device, what); };
  CHECK(number(CL_DEVICE_MAX_MEM_ALLOC_SIZE) >= 128 << 20 ||
        number(CL_DEVICE_MAX_MEM_ALLOC_SIZE) * 4 >= number(CL_DEVICE_GLOBAL_MEM_SIZE));
  CHECK(size(CL_DEVICE_MAX_PARAMETER_SIZE) >= 1024);
  CHECK(number(CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE) >= 64 * 1024);
  CHECK(small(CL_DEVICE_MAX_CONSTANT_ARGS) >= 8);
  CHECK(small(CL_DEVICE_MEM_BASE_ADDR_ALIGN) >= 128 * 8);
  CHECK(small(CL_DEVICE_MIN_DATA_TYPE_ALIGN_SIZE) >= 128);
  CHECK(size(CL_DEVICE_PRINTF_BUFFER_SIZE) >= 1 << 20);
  CHECK(size(CL_DEVICE_PROFILING_TIMER_RESOLUTION) >= 1);
  CHECK((number(CL_DEVICE_EXECUTION_CAPABILITIES) & CL_EXEC_KERNEL) != 0);
  CHECK((number(CL_DEVICE_QUEUE_ON_HOST_PROPERTIES) & CL_QUEUE_PROFILING_ENABLE) != 0);
  CHECK((number(CL_DEVICE_SINGLE_FP_CONFIG) & (CL_FP_ROUND_TO_NEAREST | CL_FP_INF_NAN)) ==
        (CL_FP_ROUND_TO_NEAREST | CL_FP_INF_NAN));
  std::size_t items[3] = {};
  EXPECT_OK(clGetDeviceInfo(rig().device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof items, items, nullptr));
  CHECK(items[0] >= 1 && items[1] >= 1 && items[2] >= 1);
  if (info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_IMAGE_SUPPORT) == CL_FALSE) return;
  CHECK(small(CL_DEVICE_MAX_READ_IMAGE_ARGS) >= 128);
  CHECK(small(CL_DEVICE_MAX_WRITE_IMAGE_ARGS) >= 64);
  CHECK(size(CL_DEVICE_IMAGE2D_MAX_WIDTH) >= 16384);
  CHECK(size(CL_DEVICE_IMAGE2D_MAX_HEIGHT) >= 16384);
  CHECK(size(CL_DEVICE_IMAGE3D_MAX_WIDTH) >= 2048);
  CHECK(size(CL_DEVICE_IMAGE3D_MAX_HEIGHT) >= 2048);
  CHECK(size(CL_DEVICE_IMAGE3D_MAX_DEPTH) >= 2048);
  CHECK(size(CL_DEVICE_IMAGE_MAX_BUFFER_SIZE) >= 65536);
  CHECK(size(CL_DEVICE_IMAGE_MAX_ARRAY_SIZE) >= 2048);
  CHECK(small(CL_DEVICE_MAX_SAMPLERS) >= 16);
}

TEST("4.2 what a device says in two ways agrees") {
  const std::string names = text_info(clGetDeviceInfo, rig().device, CL_DEVICE_EXTENSIONS) + " ";
  std::size_t bytes = 0;
  EXPECT_OK(clGetDeviceInfo(rig().device, CL_DEVICE_EXTENSIONS_WITH_VERSION, 0, nullptr, &bytes));
  std::vector<cl_name_version> versions(bytes / sizeof(cl_name_version));
  EXPECT_OK(clGetDeviceInfo(rig().device, CL_DEVICE_EXTENSIONS_WITH_VERSION, bytes, versions.data(), nullptr));
  for (const auto& version : versions) CHECK(names.find(std::string(version.name) + " ") != std::string::npos);
  const bool doubles = info<cl_device_fp_config>(clGetDeviceInfo, rig().device, CL_DEVICE_DOUBLE_FP_CONFIG) != 0;
  CHECK(doubles == (names.find("cl_khr_fp64 ") != std::string::npos));
  const auto numeric = info<cl_version>(clGetDeviceInfo, rig().device, CL_DEVICE_NUMERIC_VERSION);
  const std::string text =
      "OpenCL " + std::to_string(CL_VERSION_MAJOR(numeric)) + "." + std::to_string(CL_VERSION_MINOR(numeric));
  CHECK(text_info(clGetDeviceInfo, rig().device, CL_DEVICE_VERSION).rfind(text, 0) == 0);
  CHECK(text_info(clGetDeviceInfo, rig().device, CL_DEVICE_OPENCL_C_VERSION).rfind("OpenCL C ", 0) == 0);
}

TEST("4.2 a query that the device does not know, and one with too little room, are refused") {
  char room[8192];
  std::size_t bytes = 0;
  for (cl_device_info what = 0x1000; what <= 0x1073; ++what) {
    const cl_int code = clGetDeviceInfo(rig().device, what, sizeof room, room, &bytes);
    CHECK(code == CL_SUCCESS || code == CL_INVALID_VALUE);
  }
  CHECK_CODE(clGetDeviceInfo(rig().device, 0x9999, 0, nullptr, &bytes), CL_INVALID_VALUE);
  CHECK_CODE(clGetDeviceInfo(nullptr, CL_DEVICE_NAME, 0, nullptr, &bytes), CL_INVALID_DEVICE);
}

TEST("4.2 the version of the conformance suite has its form: a v, a date, a number") {
  const std::string version = text_info(clGetDeviceInfo, rig().device, CL_DEVICE_LATEST_CONFORMANCE_VERSION_PASSED);
  EXPECT(std::regex_match(version, std::regex("v\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])-\\d{2}")));
}

TEST("4.2 timers of host and device go forward together") {
  if (info<cl_ulong>(clGetPlatformInfo, rig().platform, CL_PLATFORM_HOST_TIMER_RESOLUTION) == 0) skip("no host timer");
  cl_ulong device = 0, host = 0, later_device = 0, later_host = 0, again = 0;
  CHECK_CODE(clGetDeviceAndHostTimer(rig().device, &device, &host), CL_SUCCESS);
  CHECK_CODE(clGetDeviceAndHostTimer(rig().device, &later_device, &later_host), CL_SUCCESS);
  CHECK(later_device >= device && later_host >= host);
  CHECK_CODE(clGetHostTimer(rig().device, &again), CL_SUCCESS);
  CHECK(again >= later_host);
  CHECK_CODE(clGetDeviceAndHostTimer(nullptr, &device, &host), CL_INVALID_DEVICE);
  CHECK_CODE(clGetDeviceAndHostTimer(rig().device, nullptr, &host), CL_INVALID_VALUE);
  CHECK_CODE(clGetDeviceAndHostTimer(rig().device, &device, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clGetHostTimer(nullptr, &host), CL_INVALID_DEVICE);
  CHECK_CODE(clGetHostTimer(rig().device, nullptr), CL_INVALID_VALUE);
}

TEST("4.3 sub-devices are refused with the right error") {
  cl_device_id parts[4] = {};
  cl_uint count = 0;
  const cl_device_partition_property odd[] = {0x9999, 1, 0}, too_many[] = {CL_DEVICE_PARTITION_EQUALLY, 1 << 20, 0};
  CHECK_CODE(clCreateSubDevices(nullptr, too_many, 4, parts, &count), CL_INVALID_DEVICE);
  CHECK_CODE(clCreateSubDevices(rig().device, odd, 4, parts, &count), CL_INVALID_VALUE);
  CHECK_CODE(clCreateSubDevices(rig().device, nullptr, 4, parts, &count), CL_INVALID_VALUE);
  CHECK_CODE(clRetainDevice(nullptr), CL_INVALID_DEVICE);
  CHECK_CODE(clReleaseDevice(nullptr), CL_INVALID_DEVICE);
}

}  // namespace conformance
