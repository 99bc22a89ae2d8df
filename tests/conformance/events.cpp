// Events: states, user events, failures and callbacks (OpenCL 3.0, section 5.11).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "rig.h"

namespace conformance {
namespace {

struct Heard {
  std::atomic<int> calls{0};
  std::atomic<int> status{1000};
};

void CL_CALLBACK hear(cl_event, cl_int status, void* user) {
  auto* heard = static_cast<Heard*>(user);
  heard->status = status;
  ++heard->calls;
}

cl_command_type type_of(cl_event event) { return info<cl_command_type>(clGetEventInfo, event, CL_EVENT_COMMAND_TYPE); }

}  // namespace

TEST("event: a finished command is complete") {
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT_OK(clFinish(rig().queue));
  EXPECT(status_of(event) == CL_COMPLETE);
}

TEST("event: polling alone sees a flushed command complete") {
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT_OK(clFlush(rig().queue));
  EXPECT(eventually([&] { return status_of(event) == CL_COMPLETE; }));
}

TEST("event: polling a flushed read to its end leaves the data in place") {
  Memory buffer = buffer_of(std::vector<int>(5000, 1));
  Kernel kernel = adder(buffer, 1);
  std::vector<int> got(5000);
  for (int round = 2; round < 20; ++round) {
    Event event;
    EXPECT_OK(launch(rig().queue, kernel, 5000));
    EXPECT_OK(clEnqueueReadBuffer(rig().queue, buffer, CL_FALSE, 0, 20000, got.data(), 0, nullptr, event.out()));
    EXPECT_OK(clFlush(rig().queue));
    EXPECT(eventually([&] { return status_of(event) == CL_COMPLETE; }));
    EXPECT(got == std::vector<int>(5000, round));
  }
}

TEST("event: its queries name queue, context, type and count") {
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT(info<cl_command_queue>(clGetEventInfo, event, CL_EVENT_COMMAND_QUEUE) == rig().queue);
  EXPECT(info<cl_context>(clGetEventInfo, event, CL_EVENT_CONTEXT) == rig().context);
  EXPECT(type_of(event) == CL_COMMAND_NDRANGE_KERNEL);
  EXPECT_OK(clFinish(rig().queue));
  EXPECT(eventually([&] { return info<cl_uint>(clGetEventInfo, event, CL_EVENT_REFERENCE_COUNT) == 1; }));
  EXPECT_OK(clRetainEvent(event));
  EXPECT(info<cl_uint>(clGetEventInfo, event, CL_EVENT_REFERENCE_COUNT) == 2);
  EXPECT_OK(clReleaseEvent(event));
}

TEST("event: every command has its type") {
  char bytes[64] = {};
  Memory buffer = make_buffer(64), other = make_buffer(64);
  const std::size_t zero[3] = {0, 0, 0}, region[3] = {4, 1, 1};
  const cl_command_queue queue = rig().queue;
  Event e;
  EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, 64, bytes, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_READ_BUFFER);
  EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, 64, bytes, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_WRITE_BUFFER);
  EXPECT_OK(clEnqueueCopyBuffer(queue, buffer, other, 0, 0, 64, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_COPY_BUFFER);
  EXPECT_OK(clEnqueueFillBuffer(queue, buffer, bytes, 4, 0, 64, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_FILL_BUFFER);
  EXPECT_OK(
      clEnqueueReadBufferRect(queue, buffer, CL_TRUE, zero, zero, region, 0, 0, 0, 0, bytes, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_READ_BUFFER_RECT);
  EXPECT_OK(
      clEnqueueWriteBufferRect(queue, buffer, CL_TRUE, zero, zero, region, 0, 0, 0, 0, bytes, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_WRITE_BUFFER_RECT);
  EXPECT_OK(clEnqueueCopyBufferRect(queue, buffer, other, zero, zero, region, 0, 0, 0, 0, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_COPY_BUFFER_RECT);
  cl_int code = CL_SUCCESS;
  void* mapped = clEnqueueMapBuffer(queue, buffer, CL_TRUE, CL_MAP_READ, 0, 64, 0, nullptr, e.out(), &code);
  EXPECT(type_of(e) == CL_COMMAND_MAP_BUFFER);
  EXPECT_OK(clEnqueueUnmapMemObject(queue, buffer, mapped, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_UNMAP_MEM_OBJECT);
  EXPECT_OK(clEnqueueMarkerWithWaitList(queue, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_MARKER);
  EXPECT_OK(clEnqueueBarrierWithWaitList(queue, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_BARRIER);
  EXPECT_OK(clEnqueueMigrateMemObjects(queue, 1, buffer.address(), 0, 0, nullptr, e.out()));
  EXPECT(type_of(e) == CL_COMMAND_MIGRATE_MEM_OBJECTS);
  Event user = user_event();
  EXPECT(type_of(user) == CL_COMMAND_USER);
  EXPECT_OK(clFinish(queue));
}

TEST("event: a task has the type of a task") {
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(clEnqueueTask(rig().queue, kernel, 0, nullptr, event.out()));
  EXPECT_OK(clFinish(rig().queue));
  EXPECT(type_of(event) == CL_COMMAND_TASK || type_of(event) == CL_COMMAND_NDRANGE_KERNEL);
}

TEST("event: a user event starts submitted and belongs to no queue") {
  Event event = user_event();
  EXPECT(status_of(event) == CL_SUBMITTED);
  EXPECT(info<cl_command_queue>(clGetEventInfo, event, CL_EVENT_COMMAND_QUEUE) == nullptr);
  EXPECT(info<cl_context>(clGetEventInfo, event, CL_EVENT_CONTEXT) == rig().context);
  EXPECT_OK(clSetUserEventStatus(event, CL_COMPLETE));
  EXPECT(status_of(event) == CL_COMPLETE);
}

TEST("event: a user event is set once, to complete or to an error") {
  Event event = user_event();
  EXPECT_CODE(clSetUserEventStatus(event, CL_RUNNING), CL_INVALID_VALUE);
  EXPECT_OK(clSetUserEventStatus(event, CL_COMPLETE));
  EXPECT_CODE(clSetUserEventStatus(event, CL_COMPLETE), CL_INVALID_OPERATION);
  EXPECT_CODE(clSetUserEventStatus(event, -1), CL_INVALID_OPERATION);
  EXPECT_CODE(clSetUserEventStatus(nullptr, CL_COMPLETE), CL_INVALID_EVENT);
}

TEST("event: a command's own event is no user event") {
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT_CODE(clSetUserEventStatus(event, CL_COMPLETE), CL_INVALID_EVENT);
  EXPECT_OK(clFinish(rig().queue));
}

TEST("event: a user event gates a command") {
  Memory buffer = buffer_of(std::vector<int>(16, 0));
  Kernel kernel = adder(buffer, 3);
  const Queue queue = make_queue();
  Event gate = user_event(), ran;
  EXPECT_OK(launch(queue, kernel, 16, ran.out(), {gate}));
  EXPECT_OK(clFlush(queue));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT(status_of(ran) == CL_QUEUED || status_of(ran) == CL_SUBMITTED);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clWaitForEvents(1, ran.address()));
  EXPECT(contents<int>(buffer, 16) == std::vector<int>(16, 3));
}

TEST("event: a user event gates reads and writes of host memory") {
  const Queue queue = make_queue();
  for (const std::size_t count : {4u, 4096u, 1u << 20}) {
    Memory buffer = buffer_of(std::vector<int>(count, 1));
    std::vector<int> source(count, 2), got(count, 0);
    Event gate = user_event();
    EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_FALSE, 0, count * 4, source.data(), 1, gate.address(), nullptr));
    EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, count * 4, got.data(), 0, nullptr, nullptr));
    EXPECT_OK(clFlush(queue));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT(got[0] == 0 && got[count - 1] == 0);
    EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
    EXPECT_OK(clFinish(queue));
    EXPECT(got == source);
  }
}

TEST("event: a user event set by another thread ends a wait") {
  Event gate = user_event();
  std::thread setter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    clSetUserEventStatus(gate, CL_COMPLETE);
  });
  const cl_int code = clWaitForEvents(1, gate.address());
  setter.join();
  EXPECT_OK(code);
}

TEST("event: a finish waits for a gate that another thread opens") {
  Memory buffer = buffer_of(std::vector<int>(16, 0));
  Kernel kernel = adder(buffer, 3);
  const Queue queue = make_queue();
  Event gate = user_event();
  EXPECT_OK(launch(queue, kernel, 16, nullptr, {gate}));
  std::atomic<bool> opened{false};
  std::thread setter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    opened = true;
    clSetUserEventStatus(gate, CL_COMPLETE);
  });
  const cl_int code = clFinish(queue);
  const bool in_time = opened;
  setter.join();
  EXPECT_OK(code);
  EXPECT(in_time);
}

TEST("event: a failed user event fails what waits for it") {
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue queue = make_queue();
  Event gate = user_event(), ran;
  EXPECT_OK(launch(queue, kernel, 1, ran.out(), {gate}));
  EXPECT_OK(clSetUserEventStatus(gate, -5));
  EXPECT(status_of(gate) == -5);
  EXPECT(eventually([&] { return status_of(ran) < 0; }));
  EXPECT_CODE(clWaitForEvents(1, ran.address()), CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
}

TEST("event: waiting for a failed user event says so") {
  Event gate = user_event();
  EXPECT_OK(clSetUserEventStatus(gate, -7));
  EXPECT_CODE(clWaitForEvents(1, gate.address()), CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
}

TEST("event: a blocking call that waits for a failed event fails") {
  not_on_bare_pocl("hangs");
  char bytes[16];
  Memory buffer = make_buffer(16);
  const Queue queue = make_queue();
  Event gate = user_event();
  EXPECT_OK(clSetUserEventStatus(gate, -7));
  EXPECT_CODE(clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, 16, bytes, 1, gate.address(), nullptr),
              CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
}

TEST("event: a transfer of any size that waits for a failed event has an event, which has failed") {
  not_on_bare_pocl("hangs");
  const std::size_t most = 9 << 20;
  std::vector<char> bytes(most);
  Memory buffer = make_buffer(most);
  const Queue queue = make_queue();
  Event gate = user_event();
  EXPECT_OK(clSetUserEventStatus(gate, -7));
  for (const std::size_t size : {std::size_t{16}, std::size_t{1} << 20, most}) {
    Event written, read;
    EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_FALSE, 0, size, bytes.data(), 1, gate.address(), written.out()));
    EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, size, bytes.data(), 1, gate.address(), read.out()));
    EXPECT(written != nullptr && status_of(written) < 0);
    EXPECT(read != nullptr && status_of(read) < 0);
  }
}

TEST("event: failure runs down a chain of commands") {
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue a = make_queue(), b = make_queue();
  Event gate = user_event(), first, second, third;
  EXPECT_OK(launch(a, kernel, 1, first.out(), {gate}));
  EXPECT_OK(launch(b, kernel, 1, second.out(), {first}));
  EXPECT_OK(launch(a, kernel, 1, third.out(), {second}));
  EXPECT_OK(clSetUserEventStatus(gate, -3));
  EXPECT(eventually([&] { return status_of(third) < 0; }));
  EXPECT(status_of(first) < 0 && status_of(second) < 0);
}

TEST("event: wrong waits are refused") {
  Event gate = user_event();
  EXPECT_CODE(clWaitForEvents(0, gate.address()), CL_INVALID_VALUE);
  EXPECT_CODE(clWaitForEvents(1, nullptr), CL_INVALID_VALUE);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
}

TEST("event: a completion callback is called once") {
  Heard heard;
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, hear, &heard));
  EXPECT_OK(clFlush(rig().queue));
  EXPECT(eventually([&] { return heard.calls == 1; }));
  EXPECT(heard.status == CL_COMPLETE);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT(heard.calls == 1);
}

TEST("event: a callback registered after completion is called all the same") {
  Heard heard;
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT_OK(clFinish(rig().queue));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, hear, &heard));
  EXPECT(eventually([&] { return heard.calls == 1; }));
}

TEST("event: callbacks for submitted and running are called too") {
  Heard submitted, running, complete;
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue queue = make_queue();
  Event gate = user_event(), event;
  EXPECT_OK(launch(queue, kernel, 1, event.out(), {gate}));
  EXPECT_OK(clSetEventCallback(event, CL_SUBMITTED, hear, &submitted));
  EXPECT_OK(clSetEventCallback(event, CL_RUNNING, hear, &running));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, hear, &complete));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(eventually([&] { return submitted.calls == 1 && running.calls == 1 && complete.calls == 1; }));
}

TEST("event: a user event's callback is called when it is set") {
  Heard heard;
  Event event = user_event();
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, hear, &heard));
  EXPECT_OK(clSetUserEventStatus(event, CL_COMPLETE));
  EXPECT(eventually([&] { return heard.calls == 1; }));
  EXPECT(heard.status == CL_COMPLETE);
}

TEST("event: a failed user event's callback hears the failure") {
  Heard heard;
  Event event = user_event();
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, hear, &heard));
  EXPECT_OK(clSetUserEventStatus(event, -9));
  EXPECT(eventually([&] { return heard.calls == 1; }, 500));
  EXPECT(heard.status == -9);
}

TEST("event: a callback sees the data of its read") {
  static std::vector<int> got;
  static std::atomic<int> seen;
  got.assign(1 << 16, 0);
  seen = 0;
  Memory buffer = buffer_of(std::vector<int>(1 << 16, 1));
  Kernel kernel = adder(buffer, 6);
  EXPECT_OK(launch(rig().queue, kernel, 1 << 16));
  Event event;
  EXPECT_OK(clEnqueueReadBuffer(rig().queue, buffer, CL_FALSE, 0, 4 << 16, got.data(), 0, nullptr, event.out()));
  EXPECT_OK(clSetEventCallback(
      event, CL_COMPLETE, [](cl_event, cl_int, void*) { seen = got[0] == 7 && got[65535] == 7 ? 1 : -1; }, nullptr));
  EXPECT_OK(clFlush(rig().queue));
  EXPECT(eventually([] { return seen != 0; }));
  EXPECT(seen == 1);
}

TEST("event: a callback may open a gate and enqueue more") {
  static std::atomic<int> enqueued;
  enqueued = 100;
  struct Chain {
    cl_command_queue queue;
    cl_kernel kernel;
    cl_event gate;
  };
  Memory buffer = buffer_of(std::vector<int>(4, 0));
  Kernel kernel = adder(buffer, 1);
  const Queue queue = make_queue();
  Event gate = user_event(), first;
  Chain chain{queue, kernel, gate};
  EXPECT_OK(launch(queue, kernel, 4, first.out()));
  EXPECT_OK(clSetEventCallback(
      first, CL_COMPLETE,
      [](cl_event, cl_int, void* user) {
        auto* c = static_cast<Chain*>(user);
        enqueued = launch(c->queue, c->kernel, 4);
        clFlush(c->queue);
        clSetUserEventStatus(c->gate, CL_COMPLETE);
      },
      &chain));
  EXPECT_OK(clFlush(queue));
  EXPECT_OK(clWaitForEvents(1, gate.address()));
  EXPECT(enqueued == CL_SUCCESS);
  EXPECT_OK(clFinish(queue));
  EXPECT(contents<int>(buffer, 4) == std::vector<int>(4, 2));
}

TEST("event: wrong callbacks are refused") {
  Event event = user_event();
  EXPECT_CODE(clSetEventCallback(event, CL_COMPLETE, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clSetEventCallback(event, CL_QUEUED, hear, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clSetEventCallback(event, 77, hear, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clSetEventCallback(nullptr, CL_COMPLETE, hear, nullptr), CL_INVALID_EVENT);
  EXPECT_OK(clSetUserEventStatus(event, CL_COMPLETE));
}

TEST("event: an event may be released before its command ends") {
  Memory buffer = buffer_of(std::vector<int>(16, 0));
  Kernel kernel = adder(buffer, 1);
  const Queue a = make_queue(), b = make_queue();
  Event gate = user_event();
  for (int i = 0; i < 50; ++i) {
    Event first;
    EXPECT_OK(launch(a, kernel, 16, first.out(), {gate}));
    EXPECT_OK(clEnqueueMarkerWithWaitList(b, 1, first.address(), nullptr));
  }
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(b));
  EXPECT(contents<int>(buffer, 16) == std::vector<int>(16, 50));
}

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
  CHECK_CODE(clSetEventCallback(nullptr, CL_COMPLETE, hear, nullptr), CL_INVALID_EVENT);
  CHECK_CODE(clSetEventCallback(gate, CL_COMPLETE, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clSetEventCallback(gate, CL_QUEUED, hear, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clSetEventCallback(gate, CL_QUEUED + 1, hear, nullptr), CL_INVALID_VALUE);
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
  std::vector<Heard> heard(20);
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue queue = make_queue();
  Event gate = user_event(), event;
  EXPECT_OK(launch(queue, kernel, 1, event.out(), {gate}));
  for (Heard& one : heard) EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, hear, &one));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  for (Heard& one : heard) EXPECT(eventually([&] { return one.calls == 1; }));
}

TEST("5.11 a negative status reaches the callbacks and the status of what waited") {
  Heard heard;
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue queue = make_queue();
  Event gate = user_event(), event;
  EXPECT_OK(launch(queue, kernel, 1, event.out(), {gate}));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, hear, &heard));
  EXPECT_OK(clSetUserEventStatus(gate, -42));
  CHECK(eventually([&] { return heard.calls == 1; }, 3000));
  CHECK(heard.status < 0);
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
