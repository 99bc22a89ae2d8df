// Events: states, user events, failures and callbacks (OpenCL 3.0, section 5.11).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "event_rig.h"

namespace conformance {
namespace {

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
  Told told;
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, note_status, &told));
  EXPECT_OK(clFlush(rig().queue));
  EXPECT(eventually([&] { return told.calls == 1; }));
  EXPECT(told.status == CL_COMPLETE);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT(told.calls == 1);
}

TEST("event: a callback registered after completion is called all the same") {
  Told told;
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT_OK(clFinish(rig().queue));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, note_status, &told));
  EXPECT(eventually([&] { return told.calls == 1; }));
}

TEST("event: callbacks for submitted and running are called too") {
  Told submitted, running, complete;
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue queue = make_queue();
  Event gate = user_event(), event;
  EXPECT_OK(launch(queue, kernel, 1, event.out(), {gate}));
  EXPECT_OK(clSetEventCallback(event, CL_SUBMITTED, note_status, &submitted));
  EXPECT_OK(clSetEventCallback(event, CL_RUNNING, note_status, &running));
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, note_status, &complete));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(eventually([&] { return submitted.calls == 1 && running.calls == 1 && complete.calls == 1; }));
}

TEST("event: a user event's callback is called when it is set") {
  Told told;
  Event event = user_event();
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, note_status, &told));
  EXPECT_OK(clSetUserEventStatus(event, CL_COMPLETE));
  EXPECT(eventually([&] { return told.calls == 1; }));
  EXPECT(told.status == CL_COMPLETE);
}

TEST("event: a failed user event's callback hears the failure") {
  Told told;
  Event event = user_event();
  EXPECT_OK(clSetEventCallback(event, CL_COMPLETE, note_status, &told));
  EXPECT_OK(clSetUserEventStatus(event, -9));
  EXPECT(eventually([&] { return told.calls == 1; }, 500));
  EXPECT(told.status == -9);
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
  EXPECT_CODE(clSetEventCallback(event, CL_QUEUED, note_status, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clSetEventCallback(event, 77, note_status, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clSetEventCallback(nullptr, CL_COMPLETE, note_status, nullptr), CL_INVALID_EVENT);
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

}  // namespace conformance
