// Markers, barriers and the order of commands (OpenCL 3.0, sections 5.12 and 5.13).
#include <chrono>
#include <thread>

#include "rig.h"

namespace conformance {

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

TEST("5.12 markers and barriers refuse each wrong argument") {
  cl_int code = CL_SUCCESS;
  Context other = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(code);
  Event foreign = clCreateUserEvent(other, &code), gate = user_event();
  EXPECT_OK(code);
  EXPECT_OK(clSetUserEventStatus(foreign, CL_COMPLETE));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  const cl_event nothing = nullptr;
  const cl_command_queue queue = rig().queue;
  for (const auto call : {clEnqueueMarkerWithWaitList, clEnqueueBarrierWithWaitList}) {
    CHECK_CODE(call(nullptr, 0, nullptr, nullptr), CL_INVALID_COMMAND_QUEUE);
    CHECK_CODE(call(queue, 1, nullptr, nullptr), CL_INVALID_EVENT_WAIT_LIST);
    CHECK_CODE(call(queue, 0, gate.address(), nullptr), CL_INVALID_EVENT_WAIT_LIST);
    CHECK_CODE(call(queue, 1, &nothing, nullptr), CL_INVALID_EVENT_WAIT_LIST);
    CHECK_CODE(call(queue, 1, foreign.address(), nullptr), CL_INVALID_CONTEXT);
    CHECK_CODE(call(queue, 1, gate.address(), nullptr), CL_SUCCESS);
    CHECK_CODE(call(queue, 0, nullptr, nullptr), CL_SUCCESS);
  }
  CHECK_CODE(clFlush(nullptr), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(clFinish(nullptr), CL_INVALID_COMMAND_QUEUE);
  EXPECT_OK(clFinish(queue));
}

TEST("5.12 a barrier with a wait list holds an out-of-order queue for that list alone") {
  const Queue queue = make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  Kernel kernel = make_kernel(kit(), "empty");
  Event gate = user_event(), barrier, after;
  EXPECT_OK(clEnqueueBarrierWithWaitList(queue, 1, gate.address(), barrier.out()));
  EXPECT_OK(launch(queue, kernel, 1, after.out()));
  EXPECT_OK(clFlush(queue));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT(status_of(barrier) != CL_COMPLETE);
  EXPECT(status_of(after) != CL_COMPLETE);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(status_of(barrier) == CL_COMPLETE && status_of(after) == CL_COMPLETE);
}

TEST("5.12 a marker with a wait list does not wait for other commands of an out-of-order queue") {
  const Queue queue = make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  Kernel kernel = make_kernel(kit(), "empty");
  Event gate = user_event(), first, held, marker;
  EXPECT_OK(launch(queue, kernel, 1, held.out(), {gate}));
  EXPECT_OK(launch(queue, kernel, 1, first.out()));
  EXPECT_OK(clEnqueueMarkerWithWaitList(queue, 1, first.address(), marker.out()));
  EXPECT_OK(clFlush(queue));
  const bool passed = eventually([&] { return status_of(marker) == CL_COMPLETE; }, 2000);
  CHECK(passed);
  CHECK(status_of(held) != CL_COMPLETE);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
}

TEST("5.12 a long wait list over three queues") {
  const Queue a = make_queue(), b = make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE), c = make_queue();
  Memory buffer = buffer_of(std::vector<int>(64, 0));
  std::vector<Memory> own;
  std::vector<Event> events(60);
  std::vector<cl_event> list;
  for (std::size_t i = 0; i < events.size(); ++i) {
    own.push_back(buffer_of(std::vector<int>(64, 0)));
    EXPECT_OK(launch(i % 2 == 0 ? a : b, adder(own.back(), 1), 64, events[i].out()));
    list.push_back(events[i]);
  }
  EXPECT_OK(clFlush(a));
  EXPECT_OK(clFlush(b));
  Event all;
  EXPECT_OK(clEnqueueMarkerWithWaitList(c, static_cast<cl_uint>(list.size()), list.data(), all.out()));
  EXPECT_OK(clFlush(c));
  EXPECT_OK(clWaitForEvents(1, all.address()));
  for (const cl_event event : list) EXPECT(status_of(event) == CL_COMPLETE);
  EXPECT_OK(clWaitForEvents(static_cast<cl_uint>(list.size()), list.data()));
}

TEST("5.12 an out-of-order queue runs a diamond of dependencies in order") {
  const Queue queue = make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  Memory top = buffer_of(std::vector<int>(256, 1)), left = make_buffer(1024), right = make_buffer(1024);
  Event raised, to_left, to_right, left_done, right_done;
  EXPECT_OK(launch(queue, adder(top, 1), 256, raised.out()));
  EXPECT_OK(clEnqueueCopyBuffer(queue, top, left, 0, 0, 1024, 1, raised.address(), to_left.out()));
  EXPECT_OK(clEnqueueCopyBuffer(queue, top, right, 0, 0, 1024, 1, raised.address(), to_right.out()));
  EXPECT_OK(launch(queue, adder(left, 10), 256, left_done.out(), {to_left}));
  EXPECT_OK(launch(queue, adder(right, 100), 256, right_done.out(), {to_right}));
  const cl_event both[] = {left_done, right_done};
  std::vector<int> got(256), other(256);
  EXPECT_OK(clEnqueueReadBuffer(queue, left, CL_FALSE, 0, 1024, got.data(), 2, both, nullptr));
  EXPECT_OK(clEnqueueReadBuffer(queue, right, CL_TRUE, 0, 1024, other.data(), 2, both, nullptr));
  EXPECT_OK(clFinish(queue));
  EXPECT(got == std::vector<int>(256, 12) && other == std::vector<int>(256, 102));
}

}  // namespace conformance
