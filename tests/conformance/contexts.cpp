// Contexts (OpenCL 3.0, section 4.4).
#include <atomic>

#include "rig.h"

namespace conformance {

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
  static std::atomic<int> calls;
  calls = 0;
  cl_int code = CL_SUCCESS;
  Context context = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(clSetContextDestructorCallback(
      context, [](cl_context, void*) { ++calls; }, nullptr));
  context.reset();
  EXPECT(eventually([] { return calls == 1; }));
}

TEST("4.4 clCreateContext refuses each wrong argument") {
  const auto platform = reinterpret_cast<cl_context_properties>(rig().platform);
  const cl_context_properties good[] = {CL_CONTEXT_PLATFORM, platform, 0}, none[] = {0};
  const cl_context_properties unknown[] = {0x9999, 1, 0};
  const cl_context_properties twice[] = {CL_CONTEXT_PLATFORM, platform, CL_CONTEXT_PLATFORM, platform, 0};
  const cl_context_properties no_platform[] = {CL_CONTEXT_PLATFORM, 0, 0};
  const cl_context_properties sync[] = {CL_CONTEXT_PLATFORM, platform, CL_CONTEXT_INTEROP_USER_SYNC, CL_TRUE, 0};
  const cl_device_id same[] = {rig().device, rig().device};
  int user = 0;
  const auto create = [&](const cl_context_properties* list, cl_uint count, const cl_device_id* devices, void* data) {
    cl_int code = CL_SUCCESS;
    const Context made = clCreateContext(list, count, devices, nullptr, data, &code);
    return code;
  };
  const auto create_from = [&](const cl_context_properties* list, cl_device_type type, void* data) {
    cl_int code = CL_SUCCESS;
    const Context made = clCreateContextFromType(list, type, nullptr, data, &code);
    return code;
  };
  CHECK_CODE(create(good, 1, &rig().device, nullptr), CL_SUCCESS);
  CHECK_CODE(create(none, 1, &rig().device, nullptr), CL_SUCCESS);
  CHECK_CODE(create(sync, 1, &rig().device, nullptr), CL_SUCCESS);
  CHECK_CODE(create(good, 2, same, nullptr), CL_SUCCESS);
  CHECK_CODE(create(good, 0, &rig().device, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(good, 1, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(create(good, 1, &rig().device, &user), CL_INVALID_VALUE);
  CHECK_CODE(create(unknown, 1, &rig().device, nullptr), CL_INVALID_PROPERTY);
  CHECK_CODE(create(twice, 1, &rig().device, nullptr), CL_INVALID_PROPERTY);
  CHECK_CODE(create(no_platform, 1, &rig().device, nullptr), CL_INVALID_PLATFORM);
  CHECK_CODE(create_from(good, CL_DEVICE_TYPE_DEFAULT, nullptr), CL_SUCCESS);
  CHECK_CODE(create_from(good, CL_DEVICE_TYPE_ALL, nullptr), CL_SUCCESS);
  CHECK_CODE_IN_POOL(create_from(good, CL_DEVICE_TYPE_CUSTOM, nullptr), CL_DEVICE_NOT_FOUND);
  CHECK_CODE(create_from(good, CL_DEVICE_TYPE_ALL, &user), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(create_from(good, 1 << 16, nullptr), CL_INVALID_DEVICE_TYPE);
  CHECK_CODE(create_from(unknown, CL_DEVICE_TYPE_ALL, nullptr), CL_INVALID_PROPERTY);
}

TEST("4.4 a device that is named twice counts once") {
  cl_int code = CL_SUCCESS;
  const cl_device_id same[] = {rig().device, rig().device};
  Context context = clCreateContext(nullptr, 2, same, nullptr, nullptr, &code);
  EXPECT_OK(code);
  CHECK(info<cl_uint>(clGetContextInfo, context, CL_CONTEXT_NUM_DEVICES) == 1);
}

TEST("4.4 context queries follow the rules of sizes") {
  std::size_t bytes = 0;
  char room[64];
  for (const cl_context_info what : {CL_CONTEXT_REFERENCE_COUNT, CL_CONTEXT_NUM_DEVICES, CL_CONTEXT_DEVICES}) {
    CHECK_CODE(clGetContextInfo(rig().context, what, 0, nullptr, &bytes), CL_SUCCESS);
    CHECK_CODE(clGetContextInfo(rig().context, what, bytes, room, nullptr), CL_SUCCESS);
    CHECK_CODE(clGetContextInfo(rig().context, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
  }
  CHECK_CODE(clGetContextInfo(rig().context, CL_CONTEXT_PROPERTIES, 0, nullptr, &bytes), CL_SUCCESS);
  CHECK(bytes == 0);
  CHECK_CODE(clGetContextInfo(rig().context, 0x9999, 0, nullptr, &bytes), CL_INVALID_VALUE);
  CHECK_CODE(clRetainContext(nullptr), CL_INVALID_CONTEXT);
}

TEST("4.4 destructor callbacks of a context are called once, in reverse order, when the last object goes") {
  static std::atomic<int> calls;  // counted when `order` is written
  static std::vector<int> order;
  calls = 0;
  order.clear();
  cl_int code = CL_SUCCESS;
  Context context = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(code);
  static const int numbers[] = {1, 2, 3};
  for (const int& number : numbers) {
    EXPECT_OK(clSetContextDestructorCallback(
        context,
        [](cl_context, void* user) {
          order.push_back(*static_cast<int*>(user));
          ++calls;
        },
        const_cast<int*>(&number)));
  }
  CHECK_CODE(clSetContextDestructorCallback(context, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clSetContextDestructorCallback(
                 nullptr, [](cl_context, void*) {}, nullptr),
             CL_INVALID_CONTEXT);
  Memory buffer = clCreateBuffer(context, 0, 64, nullptr, &code);
  context.reset();
  CHECK(calls == 0);
  buffer.reset();
  CHECK(eventually([] { return calls == 3; }));
  CHECK(order == std::vector<int>({3, 2, 1}));
}

TEST("4.4 every object keeps its context") {
  cl_int code = CL_SUCCESS;
  const auto counted = [&](auto make) {
    Context context = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
    const auto object = make(context);
    EXPECT_OK(code);
    return info<cl_uint>(clGetContextInfo, context, CL_CONTEXT_REFERENCE_COUNT) >= 1;
  };
  CHECK(counted([&](cl_context c) { return Memory(clCreateBuffer(c, 0, 64, nullptr, &code)); }));
  CHECK(counted([&](cl_context c) { return Queue(clCreateCommandQueue(c, rig().device, 0, &code)); }));
  CHECK(counted([&](cl_context c) { return Event(clCreateUserEvent(c, &code)); }));
}

}  // namespace conformance
