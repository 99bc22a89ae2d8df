// What each call on events refuses, argument by argument, what its queries answer, and in which order callbacks come
// (OpenCL 3.0, section 5.11).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "event_rig.h"

namespace conformance {

TEST("5.11 event calls refuse each wrong argument") {
  Event gate = user_event();
  const cl_event nothing = nullptr;
  cl_int code = CL_SUCCESS;
  CHECK(clCreateUserEvent(nullptr, &code) == nullptr);
  CHECK_CODE(code, CL_INVALID_CONTEXT);
  CHECK_CODE(clWaitForEvents(0, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clWaitForEvents(1, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clWaitForEvents(1, &nothing), CL_INVALID_EVENT);
  CHECK_CODE(clRetainEvent(nullptr), CL_INVALID_EVENT);
  CHECK_CODE(clReleaseEvent(nullptr), CL_INVALID_EVENT);
  CHECK_CODE(clSetUserEventStatus(nullptr, CL_COMPLETE), CL_INVALID_EVENT);
  CHECK_CODE(clSetUserEventStatus(gate, CL_QUEUED), CL_INVALID_VALUE);
  CHECK_CODE(clSetUserEventStatus(gate, CL_SUBMITTED), CL_INVALID_VALUE);
  CHECK_CODE(clSetUserEventStatus(gate, CL_RUNNING), CL_INVALID_VALUE);
  CHECK_CODE(clSetEventCallback(nullptr, CL_COMPLETE, note_status, nullptr), CL_INVALID_EVENT);
  CHECK_CODE(clSetEventCallback(gate, CL_COMPLETE, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clSetEventCallback(gate, CL_QUEUED, note_status, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clSetEventCallback(gate, CL_QUEUED + 1, note_status, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
  CHECK_CODE(clSetUserEventStatus(gate, CL_COMPLETE), CL_INVALID_OPERATION);
}

TEST("5.11 events of two contexts are not waited for together") {
  cl_int code = CL_SUCCESS;
  Context other = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(code);
  Event here = user_event(), there = clCreateUserEvent(other, &code);
  EXPECT_OK(clSetUserEventStatus(here, CL_COMPLETE));
  EXPECT_OK(clSetUserEventStatus(there, CL_COMPLETE));
  const cl_event both[] = {here, there};
  CHECK_CODE(clWaitForEvents(2, both), CL_INVALID_CONTEXT);
}

TEST("5.11 every query of an event answers by the rules of sizes") {
  Kernel kernel = make_kernel(kit(), "empty");
  Event ran, gate = user_event();
  EXPECT_OK(launch(rig().queue, kernel, 1, ran.out()));
  EXPECT_OK(clFinish(rig().queue));
  for (const cl_event event : {cl_event(ran), cl_event(gate)}) {
    for (const cl_event_info what : {CL_EVENT_COMMAND_QUEUE, CL_EVENT_CONTEXT, CL_EVENT_COMMAND_TYPE,
                                     CL_EVENT_COMMAND_EXECUTION_STATUS, CL_EVENT_REFERENCE_COUNT}) {
      std::size_t bytes = 0;
      char room[64];
      CHECK_CODE(clGetEventInfo(event, what, 0, nullptr, &bytes), CL_SUCCESS);
      CHECK_CODE(clGetEventInfo(event, what, bytes, room, nullptr), CL_SUCCESS);
      CHECK_CODE(clGetEventInfo(event, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
    }
    CHECK_CODE(clGetEventInfo(event, 0x9999, 0, nullptr, nullptr), CL_INVALID_VALUE);
  }
  EXPECT_OK(clRetainEvent(ran));
  CHECK(info<cl_uint>(clGetEventInfo, ran, CL_EVENT_REFERENCE_COUNT) == 2);
  EXPECT_OK(clReleaseEvent(ran));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
}

TEST("5.11 callbacks of every state come in the order of the states") {
  struct Order {
    std::atomic<int> count{0};
    std::atomic<int> at[3] = {};
  };
  static Order order;
  for (int i = 0; i < 3; ++i) order.at[i] = -1;
  order.count = 0;
  const auto note = [](cl_event, cl_int status, void*) { order.at[status] = order.count++; };
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue queue = make_queue();
  Event gate = user_event(), event;
  EXPECT_OK(launch(queue, kernel, 1, event.out(), {gate}));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, note, nullptr));
  EXPECT_OK(clSetEventCallback(event, CL_RUNNING, note, nullptr));
  EXPECT_OK(clSetEventCallback(event, CL_SUBMITTED, note, nullptr));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  CHECK(eventually([] { return order.count == 3; }));
  CHECK(order.at[CL_SUBMITTED] != -1 && order.at[CL_RUNNING] != -1 && order.at[CL_COMPLETE] != -1);
}

TEST("5.11 each of many callbacks for one state is called with its own data") {
  std::vector<Told> told(20);
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue queue = make_queue();
  Event gate = user_event(), event;
  EXPECT_OK(launch(queue, kernel, 1, event.out(), {gate}));
  for (Told& one : told) EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, note_status, &one));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  for (Told& one : told) EXPECT(eventually([&] { return one.calls == 1; }));
}

TEST("5.11 a negative status reaches the callbacks and the status of what waited") {
  Told told;
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue queue = make_queue();
  Event gate = user_event(), event;
  EXPECT_OK(launch(queue, kernel, 1, event.out(), {gate}));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, note_status, &told));
  EXPECT_OK(clSetUserEventStatus(gate, -42));
  CHECK(eventually([&] { return told.calls == 1; }, 3000));
  CHECK(told.status < 0);
  CHECK(status_of(event) < 0);
  CHECK(status_of(gate) == -42);
}

TEST("5.11 commands whose wait fails just as what else they wait for ends, one after the other") {
  const auto data = pattern(64);
  const Queue queue = make_queue(), other = make_queue();
  Memory memory = make_buffer(64);
  for (unsigned round = 0; round < 3000; ++round) {
    Event gate = user_event(), filled, written;
    EXPECT_OK(clEnqueueFillBuffer(other, memory, &round, sizeof round, 0, 64, 0, nullptr, filled.out()));
    const cl_event both[] = {gate, filled};
    EXPECT_OK(clEnqueueWriteBuffer(queue, memory, CL_FALSE, 0, 64, data.data(), 2, both, written.out()));
    EXPECT_OK(clFlush(other));
    EXPECT_OK(clFlush(queue));
    EXPECT_OK(clSetUserEventStatus(gate, -5));
    EXPECT_CODE(clWaitForEvents(1, written.address()), CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
    EXPECT(status_of(written) < 0);
  }
  EXPECT_OK(clFinish(other));
  EXPECT_OK(clFinish(queue));
}

TEST("5.11 events of every command may be waited for by every other") {
  const auto data = pattern(1024);
  std::vector<std::uint8_t> got(1024);
  const Queue queue = make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  Memory a = make_buffer(1024), b = make_buffer(1024), c = make_buffer(1024);
  const std::size_t zero[3] = {0, 0, 0}, region[3] = {32, 32, 1};
  Event written, copied, rect, mapped, unmapped, marked, barred, migrated, filled;
  EXPECT_OK(clEnqueueWriteBuffer(queue, a, CL_FALSE, 0, 1024, data.data(), 0, nullptr, written.out()));
  EXPECT_OK(clEnqueueCopyBuffer(queue, a, b, 0, 0, 1024, 1, written.address(), copied.out()));
  EXPECT_OK(clEnqueueCopyBufferRect(queue, b, c, zero, zero, region, 0, 0, 0, 0, 1, copied.address(), rect.out()));
  EXPECT_OK(clEnqueueMarkerWithWaitList(queue, 1, rect.address(), marked.out()));
  EXPECT_OK(clEnqueueBarrierWithWaitList(queue, 1, marked.address(), barred.out()));
  EXPECT_OK(clEnqueueMigrateMemObjects(queue, 1, c.address(), 0, 1, barred.address(), migrated.out()));
  cl_int code = CL_SUCCESS;
  auto* pointer = static_cast<std::uint8_t*>(
      clEnqueueMapBuffer(queue, c, CL_FALSE, CL_MAP_READ, 0, 1024, 1, migrated.address(), mapped.out(), &code));
  EXPECT_OK(code);
  EXPECT_OK(clWaitForEvents(1, mapped.address()));
  EXPECT(std::equal(data.begin(), data.end(), pointer));
  EXPECT_OK(clEnqueueUnmapMemObject(queue, c, pointer, 1, mapped.address(), unmapped.out()));
  const int pattern_value = 7;
  EXPECT_OK(clEnqueueFillBuffer(queue, c, &pattern_value, 4, 512, 512, 1, unmapped.address(), filled.out()));
  EXPECT_OK(clEnqueueReadBuffer(queue, c, CL_TRUE, 0, 1024, got.data(), 1, filled.address(), nullptr));
  EXPECT(std::equal(got.begin(), got.begin() + 512, data.begin()) && got[512] == 7 && got[513] == 0);
}

}  // namespace conformance
