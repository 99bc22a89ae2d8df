// Command queues (OpenCL 3.0, section 5.1).
#include <chrono>
#include <thread>

#include "rig.h"

namespace conformance {
TEST("queue: its queries answer") {
  const Queue queue = make_queue(CL_QUEUE_PROFILING_ENABLE);
  EXPECT(info<cl_context>(clGetCommandQueueInfo, queue, CL_QUEUE_CONTEXT) == rig().context);
  EXPECT(info<cl_device_id>(clGetCommandQueueInfo, queue, CL_QUEUE_DEVICE) == rig().device);
  EXPECT(info<cl_uint>(clGetCommandQueueInfo, queue, CL_QUEUE_REFERENCE_COUNT) == 1);
  EXPECT(info<cl_command_queue_properties>(clGetCommandQueueInfo, queue, CL_QUEUE_PROPERTIES) ==
         CL_QUEUE_PROFILING_ENABLE);
  EXPECT_OK(clRetainCommandQueue(queue));
  EXPECT(info<cl_uint>(clGetCommandQueueInfo, queue, CL_QUEUE_REFERENCE_COUNT) == 2);
  EXPECT_OK(clReleaseCommandQueue(queue));
}

TEST("queue: made with a property list") {
  cl_int code = CL_SUCCESS;
  const cl_queue_properties list[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0};
  Queue queue = clCreateCommandQueueWithProperties(rig().context, rig().device, list, &code);
  EXPECT_OK(code);
  EXPECT(info<cl_command_queue_properties>(clGetCommandQueueInfo, queue, CL_QUEUE_PROPERTIES) ==
         CL_QUEUE_PROFILING_ENABLE);
  Queue plain = clCreateCommandQueueWithProperties(rig().context, rig().device, nullptr, &code);
  EXPECT_OK(code);
}

TEST("queue: the property list it was made with can be asked for") {
  cl_int code = CL_SUCCESS;
  const cl_queue_properties list[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0};
  Queue queue = clCreateCommandQueueWithProperties(rig().context, rig().device, list, &code);
  EXPECT_OK(code);
  cl_queue_properties got[8] = {};
  std::size_t bytes = 0;
  EXPECT_OK(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES_ARRAY, sizeof got, got, &bytes));
  EXPECT(bytes == sizeof list && got[0] == list[0] && got[1] == list[1] && got[2] == 0);
}

TEST("queue: wrong ones are refused") {
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateCommandQueue(nullptr, rig().device, 0, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_CONTEXT);
  EXPECT(clCreateCommandQueue(rig().context, nullptr, 0, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_DEVICE);
  EXPECT(clCreateCommandQueue(rig().context, rig().device, cl_command_queue_properties{1} << 30, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
  EXPECT_CODE(clFinish(nullptr), CL_INVALID_COMMAND_QUEUE);
  EXPECT_CODE(clFlush(nullptr), CL_INVALID_COMMAND_QUEUE);
}

TEST("queue: one released with work in it still does that work") {
  Memory buffer = buffer_of(std::vector<int>(100, 0));
  Kernel kernel = adder(buffer, 2);
  Event event;
  {
    const Queue queue = make_queue();
    EXPECT_OK(launch(queue, kernel, 100, event.out()));
  }
  EXPECT_OK(clWaitForEvents(1, event.address()));
  EXPECT(contents<int>(buffer, 100) == std::vector<int>(100, 2));
}

TEST("5.1 creating a queue refuses each wrong argument") {
  cl_int code = CL_SUCCESS;
  const auto with = [&](cl_context context, cl_device_id device, std::vector<cl_queue_properties> list) {
    const Queue made = clCreateCommandQueueWithProperties(context, device, list.empty() ? nullptr : list.data(), &code);
    return code;
  };
  const cl_context context = rig().context;
  const cl_device_id device = rig().device;
  CHECK_CODE(with(context, device, {}), CL_SUCCESS);
  CHECK_CODE(with(context, device, {0}), CL_SUCCESS);
  CHECK_CODE(with(context, device, {CL_QUEUE_PROPERTIES, 0, 0}), CL_SUCCESS);
  const auto offered = info<cl_command_queue_properties>(clGetDeviceInfo, device, CL_DEVICE_QUEUE_ON_HOST_PROPERTIES);
  CHECK_CODE(with(context, device,
                  {CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE | CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, 0}),
             (offered & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0 ? CL_SUCCESS : CL_INVALID_QUEUE_PROPERTIES);
  CHECK_CODE(with(nullptr, device, {}), CL_INVALID_CONTEXT);
  CHECK_CODE(with(context, nullptr, {}), CL_INVALID_DEVICE);
  CHECK_CODE(with(context, device, {0x9999, 1, 0}), CL_INVALID_VALUE);
  CHECK_CODE(with(context, device, {CL_QUEUE_PROPERTIES, 1 << 20, 0}), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(with(context, device, {CL_QUEUE_PROPERTIES, CL_QUEUE_ON_DEVICE, 0}), CL_INVALID_VALUE);
  CHECK_CODE(with(context, device, {CL_QUEUE_SIZE, 1024, 0}), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(
      with(context, device, {CL_QUEUE_PROPERTIES, CL_QUEUE_ON_DEVICE | CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, 0}),
      CL_INVALID_QUEUE_PROPERTIES);
}

TEST("5.1 the properties of a queue stay what they are, and unknown ones are no properties") {
  not_on_bare_pocl("has no such call");
  const Queue queue = make_queue();
  CHECK_CODE(clSetCommandQueueProperty(nullptr, CL_QUEUE_PROFILING_ENABLE, CL_TRUE, nullptr), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(clSetCommandQueueProperty(queue, CL_QUEUE_PROFILING_ENABLE, CL_TRUE, nullptr), CL_INVALID_OPERATION);
  CHECK_CODE(clSetCommandQueueProperty(queue, ~cl_command_queue_properties{0}, CL_TRUE, nullptr), CL_INVALID_VALUE);
  CHECK(info<cl_command_queue_properties>(clGetCommandQueueInfo, queue, CL_QUEUE_PROPERTIES) == 0);
}

TEST("5.1 every query of a queue answers by the rules of sizes") {
  const Queue queue = make_queue(CL_QUEUE_PROFILING_ENABLE);
  for (const cl_command_queue_info what :
       {CL_QUEUE_CONTEXT, CL_QUEUE_DEVICE, CL_QUEUE_REFERENCE_COUNT, CL_QUEUE_PROPERTIES, CL_QUEUE_DEVICE_DEFAULT}) {
    std::size_t bytes = 0;
    char room[64];
    CHECK_CODE(clGetCommandQueueInfo(queue, what, 0, nullptr, &bytes), CL_SUCCESS);
    CHECK_CODE(clGetCommandQueueInfo(queue, what, bytes, room, nullptr), CL_SUCCESS);
    CHECK_CODE(clGetCommandQueueInfo(queue, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
  }
  CHECK_CODE(clGetCommandQueueInfo(queue, 0x9999, 0, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clGetCommandQueueInfo(nullptr, CL_QUEUE_CONTEXT, 0, nullptr, nullptr), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(clGetCommandQueueInfo(queue, CL_QUEUE_SIZE, 0, nullptr, nullptr), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(clRetainCommandQueue(nullptr), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(clReleaseCommandQueue(nullptr), CL_INVALID_COMMAND_QUEUE);
}

TEST("5.1 the properties that a queue was made with are given back as they were") {
  cl_int code = CL_SUCCESS;
  const auto given_back = [&](std::vector<cl_queue_properties> list) {
    const Queue queue = clCreateCommandQueueWithProperties(rig().context, rig().device, list.data(), &code);
    EXPECT_OK(code);
    std::vector<cl_queue_properties> got(16);
    std::size_t bytes = 0;
    EXPECT_OK(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES_ARRAY, sizeof(got[0]) * got.size(), got.data(), &bytes));
    got.resize(bytes / sizeof got[0]);
    return got == list;
  };
  CHECK(given_back({0}));
  CHECK(given_back({CL_QUEUE_PROPERTIES, 0, 0}));
  CHECK(given_back({CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0}));
  const Queue plain = clCreateCommandQueueWithProperties(rig().context, rig().device, nullptr, &code);
  EXPECT_OK(code);
  std::size_t bytes = 1;
  EXPECT_OK(clGetCommandQueueInfo(plain, CL_QUEUE_PROPERTIES_ARRAY, 0, nullptr, &bytes));
  CHECK(bytes == 0);
}

TEST("5.1 many queues work side by side") {
  std::vector<Queue> queues;
  Memory buffer = buffer_of(std::vector<int>(64, 0));
  Kernel kernel = adder(buffer, 1);
  Event last;
  for (int i = 0; i < 64; ++i) {
    queues.push_back(make_queue(i % 2 == 0 ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE));
    Event next;
    EXPECT_OK(
        launch(queues.back(), kernel, 64, next.out(), last ? std::vector<cl_event>{last} : std::vector<cl_event>{}));
    EXPECT_OK(clFlush(queues.back()));
    last = std::move(next);
  }
  EXPECT_OK(clWaitForEvents(1, last.address()));
  EXPECT(contents<int>(buffer, 64) == std::vector<int>(64, 64));
}

}  // namespace conformance
