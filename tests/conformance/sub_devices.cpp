// Sub-devices (OpenCL 3.0, section 4.3), where the device can be divided.
#include <algorithm>

#include "rig.h"

namespace conformance {
namespace {

using Property = cl_device_partition_property;
using Device = Owned<cl_device_id, clReleaseDevice>;
constexpr Property list_end = CL_DEVICE_PARTITION_BY_COUNTS_LIST_END;

cl_uint units_of(cl_device_id device) { return info<cl_uint>(clGetDeviceInfo, device, CL_DEVICE_MAX_COMPUTE_UNITS); }

std::vector<Property> properties_of(cl_device_id device, cl_device_info what) {
  Property list[16] = {};
  std::size_t bytes = 0;
  EXPECT_OK(clGetDeviceInfo(device, what, sizeof list, list, &bytes));
  return {list, list + bytes / sizeof(Property)};
}

bool offers(Property scheme) {
  const auto schemes = properties_of(rig().device, CL_DEVICE_PARTITION_PROPERTIES);
  return std::find(schemes.begin(), schemes.end(), scheme) != schemes.end();
}

std::vector<Device> divide(cl_device_id device, const std::vector<Property>& list) {
  cl_device_id parts[64] = {};
  cl_uint count = 0;
  EXPECT_OK(clCreateSubDevices(device, list.data(), 64, parts, &count));
  return {parts, parts + count};
}

std::vector<Device> single_units() {
  if (!offers(CL_DEVICE_PARTITION_EQUALLY)) skip("the device cannot be divided equally");
  return divide(rig().device, {CL_DEVICE_PARTITION_EQUALLY, 1, 0});
}

Context context_of(const std::vector<cl_device_id>& devices) {
  cl_int code = CL_SUCCESS;
  Context context =
      clCreateContext(nullptr, static_cast<cl_uint>(devices.size()), devices.data(), nullptr, nullptr, &code);
  EXPECT_OK(code);
  return context;
}

Queue queue_on(cl_context context, cl_device_id device) {
  cl_int code = CL_SUCCESS;
  Queue queue = clCreateCommandQueue(context, device, 0, &code);
  EXPECT_OK(code);
  return queue;
}

constexpr const char* square_source =
    "kernel void square(global int* v) { size_t i = get_global_id(0); v[i] *= v[i]; }";

Program square_program(cl_context context) {
  cl_int code = CL_SUCCESS;
  Program program = clCreateProgramWithSource(context, 1, const_cast<const char**>(&square_source), nullptr, &code);
  EXPECT_OK(code);
  return program;
}

// Squares 1, 2, 3 ... on the queue, and says whether the result is right.
bool squares(cl_context context, cl_command_queue queue, cl_program program) {
  std::vector<int> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>(i);
  cl_int code = CL_SUCCESS;
  Memory buffer = clCreateBuffer(context, CL_MEM_COPY_HOST_PTR, values.size() * sizeof(int), values.data(), &code);
  EXPECT_OK(code);
  Kernel kernel = clCreateKernel(program, "square", &code);
  EXPECT_OK(code);
  EXPECT_OK(set_arg(kernel, 0, buffer));
  EXPECT_OK(launch(queue, kernel, values.size()));
  std::vector<int> got(values.size());
  EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, got.size() * sizeof(int), got.data(), 0, nullptr, nullptr));
  for (std::size_t i = 0; i < got.size(); ++i)
    if (got[i] != values[i] * values[i]) return false;
  return true;
}

}  // namespace

TEST("4.3 equal parts: as many as fit, each with its share, its parent and its scheme") {
  const std::vector<Device> parts = single_units();
  EXPECT(parts.size() == units_of(rig().device));
  for (const Device& part : parts) {
    EXPECT(units_of(part) == 1);
    EXPECT(info<cl_device_id>(clGetDeviceInfo, part, CL_DEVICE_PARENT_DEVICE) == rig().device);
    EXPECT(properties_of(part, CL_DEVICE_PARTITION_TYPE) == (std::vector<Property>{CL_DEVICE_PARTITION_EQUALLY, 1, 0}));
    EXPECT(info<cl_uint>(clGetDeviceInfo, part, CL_DEVICE_REFERENCE_COUNT) == 1);
    EXPECT(info<cl_device_type>(clGetDeviceInfo, part, CL_DEVICE_TYPE) ==
           info<cl_device_type>(clGetDeviceInfo, rig().device, CL_DEVICE_TYPE));
  }
  EXPECT(properties_of(rig().device, CL_DEVICE_PARTITION_TYPE) == std::vector<Property>{0} ||
         properties_of(rig().device, CL_DEVICE_PARTITION_TYPE).empty());
}

TEST("4.3 parts by counts") {
  if (!offers(CL_DEVICE_PARTITION_BY_COUNTS)) skip("the device cannot be divided by counts");
  const std::vector<Property> list = {CL_DEVICE_PARTITION_BY_COUNTS, 1, 1, list_end, 0};
  const std::vector<Device> parts = divide(rig().device, list);
  EXPECT(parts.size() == 2);
  EXPECT(units_of(parts[0]) == 1 && units_of(parts[1]) == 1);
}

TEST("4.3 only the number of parts may be asked for") {
  if (!offers(CL_DEVICE_PARTITION_EQUALLY)) skip("the device cannot be divided equally");
  const Property list[] = {CL_DEVICE_PARTITION_EQUALLY, 1, 0};
  cl_uint count = 0;
  EXPECT_OK(clCreateSubDevices(rig().device, list, 0, nullptr, &count));
  EXPECT(count == units_of(rig().device));
}

TEST("4.3 wrong divisions are refused") {
  if (!offers(CL_DEVICE_PARTITION_EQUALLY) || !offers(CL_DEVICE_PARTITION_BY_COUNTS))
    skip("the device cannot be divided");
  const auto units = static_cast<Property>(units_of(rig().device));
  cl_device_id parts[64] = {};
  const auto refused = [&](std::vector<Property> list, cl_uint room = 64) {
    return clCreateSubDevices(rig().device, list.data(), room, parts, nullptr);
  };
  CHECK_CODE(refused({CL_DEVICE_PARTITION_EQUALLY, 0, 0}), CL_INVALID_VALUE);
  CHECK_CODE(refused({CL_DEVICE_PARTITION_EQUALLY, 1, 0}, 1), CL_INVALID_VALUE);
  CHECK_CODE(refused({CL_DEVICE_PARTITION_BY_COUNTS, units, 1, list_end, 0}), CL_INVALID_DEVICE_PARTITION_COUNT);
  CHECK_CODE(refused({0x9999, 1, 0}), CL_INVALID_VALUE);
}

TEST("4.3 a part is counted, and a context keeps it") {
  not_on_bare_pocl("crashes: its contexts do not keep their parts");
  std::vector<Device> parts = single_units();
  EXPECT_OK(clRetainDevice(parts[0]));
  EXPECT(info<cl_uint>(clGetDeviceInfo, parts[0], CL_DEVICE_REFERENCE_COUNT) == 2);
  EXPECT_OK(clReleaseDevice(parts[0]));
  const cl_device_id part = parts[0];
  Context context = context_of({part});
  parts.clear();
  EXPECT(units_of(part) == 1);
  Queue queue = queue_on(context, part);
  EXPECT_OK(clFinish(queue));
}

TEST("4.3 a part that is itself divided") {
  if (!offers(CL_DEVICE_PARTITION_EQUALLY)) skip("the device cannot be divided equally");
  const auto units = static_cast<Property>(units_of(rig().device));
  const std::vector<Device> all = divide(rig().device, {CL_DEVICE_PARTITION_EQUALLY, units, 0});
  EXPECT(all.size() == 1);
  const std::vector<Device> singles = divide(all[0], {CL_DEVICE_PARTITION_EQUALLY, 1, 0});
  EXPECT(singles.size() == units_of(rig().device));
  EXPECT(info<cl_device_id>(clGetDeviceInfo, singles[0], CL_DEVICE_PARENT_DEVICE) == all[0]);
  const Property one[] = {CL_DEVICE_PARTITION_EQUALLY, 1, 0};
  cl_device_id none[4] = {};
  EXPECT_CODE(clCreateSubDevices(singles[0], one, 4, none, nullptr), CL_DEVICE_PARTITION_FAILED);
}

TEST("4.3 a kernel on every part gives the right result") {
  for (const Device& part : single_units()) {
    Context context = context_of({part});
    Queue queue = queue_on(context, part);
    Program program = square_program(context);
    const cl_device_id device = part;
    EXPECT_OK(clBuildProgram(program, 1, &device, "", nullptr, nullptr));
    EXPECT(squares(context, queue, program));
  }
}

TEST("4.3 a part and the whole in one context share memory and programs") {
  const std::vector<Device> parts = single_units();
  Context context = context_of({rig().device, parts[0]});
  Queue whole = queue_on(context, rig().device), part = queue_on(context, parts[0]);
  Program program = square_program(context);
  EXPECT_OK(clBuildProgram(program, 0, nullptr, "", nullptr, nullptr));
  EXPECT(squares(context, whole, program));
  EXPECT(squares(context, part, program));
}

TEST("4.3 queues on all parts work side by side") {
  const std::vector<Device> parts = single_units();
  std::vector<cl_device_id> devices(parts.begin(), parts.end());
  Context context = context_of(devices);
  Program program = square_program(context);
  EXPECT_OK(clBuildProgram(program, 0, nullptr, "", nullptr, nullptr));
  std::vector<Queue> queues;
  for (const cl_device_id device : devices) queues.push_back(queue_on(context, device));
  for (int round = 0; round < 20; ++round)
    for (const Queue& queue : queues) EXPECT(squares(context, queue, program));
}

TEST("4.3 a context of parts names them") {
  const std::vector<Device> parts = single_units();
  const std::vector<cl_device_id> devices(parts.begin(), parts.end());
  Context context = context_of(devices);
  std::vector<cl_device_id> got(devices.size());
  CHECK(info<cl_uint>(clGetContextInfo, context, CL_CONTEXT_NUM_DEVICES) == devices.size());
  const std::size_t bytes = got.size() * sizeof(cl_device_id);
  EXPECT_OK(clGetContextInfo(context, CL_CONTEXT_DEVICES, bytes, got.data(), nullptr));
  CHECK(got == devices);
  Queue queue = queue_on(context, devices.back());
  CHECK(info<cl_device_id>(clGetCommandQueueInfo, queue, CL_QUEUE_DEVICE) == devices.back());
}

TEST("4.3 a program of a context of parts has a binary for each") {
  const std::vector<Device> parts = single_units();
  const std::vector<cl_device_id> devices(parts.begin(), parts.end());
  Context context = context_of(devices);
  Program program = square_program(context);
  EXPECT_OK(clBuildProgram(program, 0, nullptr, "", nullptr, nullptr));
  EXPECT(info<cl_uint>(clGetProgramInfo, program, CL_PROGRAM_NUM_DEVICES) == devices.size());
  std::vector<std::size_t> sizes(devices.size());
  EXPECT_OK(
      clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizes.size() * sizeof(std::size_t), sizes.data(), nullptr));
  std::vector<std::vector<unsigned char>> binaries;
  std::vector<unsigned char*> rooms;
  for (const std::size_t size : sizes) rooms.push_back(binaries.emplace_back(size).data());
  EXPECT_OK(
      clGetProgramInfo(program, CL_PROGRAM_BINARIES, rooms.size() * sizeof(unsigned char*), rooms.data(), nullptr));
  std::vector<const unsigned char*> whole(rooms.begin(), rooms.end());
  std::vector<cl_int> statuses(devices.size(), -1);
  cl_int code = CL_SUCCESS;
  Program again = clCreateProgramWithBinary(context, static_cast<cl_uint>(devices.size()), devices.data(), sizes.data(),
                                            whole.data(), statuses.data(), &code);
  EXPECT_OK(code);
  for (const cl_int status : statuses) CHECK_CODE(status, CL_SUCCESS);
  EXPECT_OK(clBuildProgram(again, 0, nullptr, "", nullptr, nullptr));
  Queue queue = queue_on(context, devices[0]);
  EXPECT(squares(context, queue, again));
}

TEST("4.3 what is not of a context is refused there") {
  const std::vector<Device> parts = single_units();
  Context context = context_of({parts[0]});
  cl_int code = CL_SUCCESS;
  const Queue other = clCreateCommandQueue(context, parts[1], 0, &code);
  CHECK_CODE(code, CL_INVALID_DEVICE);
  Program program = square_program(context);
  const cl_device_id stranger = parts[1];
  CHECK_CODE(clBuildProgram(program, 1, &stranger, "", nullptr, nullptr), CL_INVALID_DEVICE);
  cl_build_status status = CL_BUILD_NONE;
  CHECK_CODE(clGetProgramBuildInfo(program, stranger, CL_PROGRAM_BUILD_STATUS, sizeof status, &status, nullptr),
             CL_INVALID_DEVICE);
}

}  // namespace conformance
