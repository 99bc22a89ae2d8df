// Queues: order, wait lists, markers and barriers.
#include <chrono>
#include <thread>

#include "rig.h"

namespace functional {
namespace {

Kernel adder(cl_mem buffer, int amount) {
  Kernel kernel = make_kernel(kit(), "add");
  EXPECT_OK(clSetKernelArg(kernel, 0, sizeof buffer, &buffer));
  EXPECT_OK(set_arg(kernel, 1, amount));
  return kernel;
}

}  // namespace

TEST("queue: wait lists order commands across queues") {
  Memory buffer = buffer_of(std::vector<int>(1000, 1));
  Kernel add = adder(buffer, 1), multiply = make_kernel(kit(), "multiply");
  EXPECT_OK(set_arg(multiply, 0, buffer));
  EXPECT_OK(set_arg(multiply, 1, 2));
  const Queue a = make_queue(), b = make_queue();
  Event last;
  int wanted = 1;
  for (int i = 0; i < 10; ++i) {
    Event added, multiplied;
    EXPECT_OK(launch(a, add, 1000, added.out(), last ? std::vector<cl_event>{last} : std::vector<cl_event>{}));
    EXPECT_OK(clFlush(a));
    EXPECT_OK(launch(b, multiply, 1000, multiplied.out(), {added}));
    EXPECT_OK(clFlush(b));
    last = std::move(multiplied);
    wanted = (wanted + 1) * 2;
  }
  EXPECT_OK(clWaitForEvents(1, last.address()));
  EXPECT(contents<int>(buffer, 1000) == std::vector<int>(1000, wanted));
}

TEST("queue: an out-of-order queue keeps to its wait lists") {
  const Queue queue = make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  Memory buffer = buffer_of(std::vector<int>(1000, 1));
  Kernel add = adder(buffer, 1), multiply = make_kernel(kit(), "multiply");
  EXPECT_OK(set_arg(multiply, 0, buffer));
  EXPECT_OK(set_arg(multiply, 1, 2));
  Event last = user_event();
  const cl_event gate = last;
  EXPECT_OK(clRetainEvent(gate));
  int wanted = 1;
  for (int i = 0; i < 10; ++i) {
    Event added, multiplied;
    EXPECT_OK(launch(queue, add, 1000, added.out(), {last}));
    EXPECT_OK(launch(queue, multiply, 1000, multiplied.out(), {added}));
    last = std::move(multiplied);
    wanted = (wanted + 1) * 2;
  }
  std::vector<int> got(1000);
  EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, 4000, got.data(), 1, last.address(), nullptr));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  clReleaseEvent(gate);
  EXPECT(got == std::vector<int>(1000, wanted));
}

TEST("queue: in an out-of-order queue a later command passes a gated one") {
  const Queue queue = make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  Kernel kernel = make_kernel(kit(), "empty");
  Event gate = user_event(), gated, free;
  EXPECT_OK(launch(queue, kernel, 1, gated.out(), {gate}));
  EXPECT_OK(launch(queue, kernel, 1, free.out()));
  EXPECT_OK(clFlush(queue));
  EXPECT_OK(clWaitForEvents(1, free.address()));
  EXPECT(status_of(gated) > CL_RUNNING);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(status_of(gated) == CL_COMPLETE);
}

TEST("queue: a barrier in an out-of-order queue holds later commands back") {
  const Queue queue = make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  Memory buffer = buffer_of(std::vector<int>(100, 0));
  Kernel add = adder(buffer, 5), multiply = make_kernel(kit(), "multiply");
  EXPECT_OK(set_arg(multiply, 0, buffer));
  EXPECT_OK(set_arg(multiply, 1, 3));
  Event gate = user_event(), after;
  EXPECT_OK(launch(queue, add, 100, nullptr, {gate}));
  EXPECT_OK(clEnqueueBarrierWithWaitList(queue, 0, nullptr, nullptr));
  EXPECT_OK(launch(queue, multiply, 100, after.out()));
  EXPECT_OK(clFlush(queue));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT(status_of(after) != CL_COMPLETE);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(contents<int>(buffer, 100) == std::vector<int>(100, 15));
}

TEST("queue: a marker waits for all that came before it") {
  for (const cl_command_queue_properties properties : {0, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE}) {
    const Queue queue = make_queue(properties);
    Kernel kernel = make_kernel(kit(), "empty");
    Event gate = user_event(), marker;
    EXPECT_OK(launch(queue, kernel, 1, nullptr, {gate}));
    EXPECT_OK(clEnqueueMarkerWithWaitList(queue, 0, nullptr, marker.out()));
    EXPECT_OK(clFlush(queue));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT(status_of(marker) != CL_COMPLETE);
    EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
    EXPECT_OK(clWaitForEvents(1, marker.address()));
  }
}

TEST("queue: a marker in an empty queue completes") {
  const Queue queue = make_queue();
  Event marker;
  EXPECT_OK(clEnqueueMarkerWithWaitList(queue, 0, nullptr, marker.out()));
  EXPECT_OK(clWaitForEvents(1, marker.address()));
}

TEST("queue: a marker waits for its wait list") {
  const Queue queue = make_queue();
  Event a = user_event(), b = user_event(), marker;
  const cl_event both[] = {a, b};
  EXPECT_OK(clEnqueueMarkerWithWaitList(queue, 2, both, marker.out()));
  EXPECT_OK(clSetUserEventStatus(a, CL_COMPLETE));
  EXPECT_OK(clFlush(queue));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT(status_of(marker) != CL_COMPLETE);
  EXPECT_OK(clSetUserEventStatus(b, CL_COMPLETE));
  EXPECT_OK(clWaitForEvents(1, marker.address()));
}

TEST("queue: the names of OpenCL 1.1 for markers and barriers work") {
  const Queue queue = make_queue();
  Event marker;
  EXPECT_OK(clEnqueueBarrier(queue));
  EXPECT_OK(clEnqueueMarker(queue, marker.out()));
  EXPECT_OK(clWaitForEvents(1, marker.address()));
  EXPECT_CODE(clEnqueueMarker(queue, nullptr), CL_INVALID_VALUE);
}

TEST("queue: clEnqueueWaitForEvents of OpenCL 1.1 holds the queue") {
  not_on_bare_pocl("aborts");
  const Queue queue = make_queue();
  Event marker, gate = user_event();
  EXPECT_OK(clEnqueueWaitForEvents(queue, 1, gate.address()));
  EXPECT_OK(clEnqueueMarker(queue, marker.out()));
  EXPECT_OK(clFlush(queue));
  EXPECT(status_of(marker) != CL_COMPLETE);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clWaitForEvents(1, marker.address()));
}

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

}  // namespace functional
