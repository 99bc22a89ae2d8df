// Events: what the program sees of a command's end, and when.
#include <atomic>

#include "tests/shim/opencl_fixture.h"

using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

template <typename Condition>
bool eventually(Condition done) {
  for (int i = 0; i < 2000 && !done(); ++i) std::this_thread::sleep_for(1ms);
  return done();
}

struct Heard {
  std::atomic<int> times{0};
  std::atomic<cl_int> status{99};
  static void CL_CALLBACK call(cl_event, cl_int status, void* self) {
    static_cast<Heard*>(self)->status = status;
    ++static_cast<Heard*>(self)->times;
  }
};

}  // namespace

TEST_CASE("a command's event completes when the command does") {
  Program program;
  cl_mem buffer = program.make_buffer(64);
  program.pool.hold();
  cl_event event = nullptr;
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 64, 0, nullptr, &event) == CL_SUCCESS);
  REQUIRE(status_of(event) == CL_QUEUED);
  REQUIRE(clFlush(program.queue) == CL_SUCCESS);
  REQUIRE(status_of(event) == CL_SUBMITTED);
  program.pool.let_go();
  REQUIRE(clWaitForEvents(1, &event) == CL_SUCCESS);
  REQUIRE(status_of(event) == CL_COMPLETE);
  cl_command_type type = 0;
  REQUIRE(clGetEventInfo(event, CL_EVENT_COMMAND_TYPE, sizeof type, &type, nullptr) == CL_SUCCESS);
  REQUIRE(type == CL_COMMAND_FILL_BUFFER);
}

TEST_CASE("profiling times are there for queues that ask for them, and rise") {
  Program program(CL_QUEUE_PROFILING_ENABLE);
  cl_mem buffer = program.make_buffer(64);
  cl_event posted = nullptr, local = nullptr;
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 64, 0, nullptr, &posted) == CL_SUCCESS);
  REQUIRE(clFinish(program.queue) == CL_SUCCESS);
  REQUIRE(clEnqueueMarkerWithWaitList(program.queue, 0, nullptr, &local) == CL_SUCCESS);
  for (cl_event event : {posted, local}) {
    cl_ulong last = 0;
    for (const cl_profiling_info name : {CL_PROFILING_COMMAND_QUEUED, CL_PROFILING_COMMAND_SUBMIT,
                                         CL_PROFILING_COMMAND_START, CL_PROFILING_COMMAND_END}) {
      cl_ulong time = 0;
      REQUIRE(clGetEventProfilingInfo(event, name, sizeof time, &time, nullptr) == CL_SUCCESS);
      REQUIRE(time >= last);
      last = time;
    }
    REQUIRE(last > 0);
  }
  cl_command_queue plain = program.make_queue();
  cl_event other = nullptr;
  REQUIRE(clEnqueueMarkerWithWaitList(plain, 0, nullptr, &other) == CL_SUCCESS);
  cl_ulong time = 0;
  REQUIRE(clGetEventProfilingInfo(other, CL_PROFILING_COMMAND_END, sizeof time, &time, nullptr) ==
          CL_PROFILING_INFO_NOT_AVAILABLE);
}

TEST_CASE("a user event holds back what waits for it, on every queue") {
  Program program;
  cl_command_queue other = program.make_queue();
  cl_mem buffer = program.make_buffer(4);
  cl_event gate = clCreateUserEvent(program.context, &program.error), first = nullptr, second = nullptr;
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 4, 1, &gate, &first) == CL_SUCCESS);
  REQUIRE(clEnqueueFillBuffer(other, buffer, "b", 1, 0, 4, 1, &first, &second) == CL_SUCCESS);
  std::this_thread::sleep_for(20ms);
  REQUIRE(status_of(second) > CL_COMPLETE);
  REQUIRE(clSetUserEventStatus(gate, CL_COMPLETE) == CL_SUCCESS);
  REQUIRE(clSetUserEventStatus(gate, CL_COMPLETE) == CL_INVALID_OPERATION);
  REQUIRE(clWaitForEvents(1, &second) == CL_SUCCESS);
  REQUIRE(program.contents(buffer, 4) == Bytes(4, 'b'));
}

TEST_CASE("a thread that waits for a user event is woken by the one that sets it") {
  Program program;
  cl_event gate = clCreateUserEvent(program.context, &program.error);
  std::thread setter([&] {
    std::this_thread::sleep_for(20ms);
    clSetUserEventStatus(gate, CL_COMPLETE);
  });
  REQUIRE(clWaitForEvents(1, &gate) == CL_SUCCESS);
  setter.join();
}

TEST_CASE("a failed event fails what waits for it, before and after it was enqueued") {
  Program program;
  cl_mem buffer = program.make_buffer(4, CL_MEM_COPY_HOST_PTR, const_cast<char*>("keep"));
  cl_event gate = clCreateUserEvent(program.context, &program.error), before = nullptr, after = nullptr;
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 4, 1, &gate, &before) == CL_SUCCESS);
  REQUIRE(clSetUserEventStatus(gate, -77) == CL_SUCCESS);
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "b", 1, 0, 4, 1, &gate, &after) == CL_SUCCESS);
  const cl_event both[] = {before, after};
  REQUIRE(clWaitForEvents(2, both) == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
  REQUIRE(status_of(gate) == -77);
  REQUIRE(status_of(before) < 0);
  REQUIRE(status_of(after) == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
  char data[4];
  REQUIRE(clEnqueueReadBuffer(program.queue, buffer, CL_TRUE, 0, 4, data, 1, &gate, nullptr) ==
          CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
  REQUIRE(program.contents(buffer, 4) == Bytes{'k', 'e', 'e', 'p'});
}

TEST_CASE("a command that fails says so in its event, or else at the next clFinish") {
  Program program;
  cl_mem buffer = program.make_buffer(64);
  cl_event event = nullptr;
  program.pool.fail_next(sluice::wire::Outcome::out_of_resources);
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 64, 0, nullptr, &event) == CL_SUCCESS);
  REQUIRE(clFinish(program.queue) == CL_SUCCESS);
  REQUIRE(status_of(event) == CL_OUT_OF_RESOURCES);
  program.pool.fail_next(sluice::wire::Outcome::out_of_resources);
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 64, 0, nullptr, nullptr) == CL_SUCCESS);
  REQUIRE(clFinish(program.queue) == CL_OUT_OF_RESOURCES);
  REQUIRE(clFinish(program.queue) == CL_SUCCESS);
}

TEST_CASE("a callback comes once, after the command, also if the event was complete before") {
  Program program;
  cl_mem buffer = program.make_buffer(64);
  Heard early, late;
  cl_event event = nullptr;
  program.pool.hold();
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 64, 0, nullptr, &event) == CL_SUCCESS);
  REQUIRE(clSetEventCallback(event, CL_COMPLETE, Heard::call, &early) == CL_SUCCESS);
  std::this_thread::sleep_for(20ms);
  REQUIRE(early.times == 0);
  program.pool.let_go();
  REQUIRE(eventually([&] { return early.times == 1; }));
  REQUIRE(early.status == CL_COMPLETE);
  REQUIRE(clSetEventCallback(event, CL_COMPLETE, Heard::call, &late) == CL_SUCCESS);
  REQUIRE(eventually([&] { return late.times == 1; }));
  std::this_thread::sleep_for(5ms);
  REQUIRE(early.times == 1);
}

TEST_CASE("callbacks on several queues and on user events each come in their time") {
  Program program;
  cl_command_queue other = program.make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  cl_mem buffer = program.make_buffer(64);
  Heard of_first, of_second, of_gate;
  cl_event gate = clCreateUserEvent(program.context, nullptr), first = nullptr, second = nullptr;
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 64, 1, &gate, &first) == CL_SUCCESS);
  REQUIRE(clSetEventCallback(first, CL_COMPLETE, Heard::call, &of_first) == CL_SUCCESS);
  std::this_thread::sleep_for(20ms);  // the thread sleeps on the first queue now
  REQUIRE(clEnqueueFillBuffer(other, buffer, "b", 1, 0, 64, 0, nullptr, &second) == CL_SUCCESS);
  REQUIRE(clSetEventCallback(second, CL_COMPLETE, Heard::call, &of_second) == CL_SUCCESS);
  REQUIRE(clSetEventCallback(gate, CL_COMPLETE, Heard::call, &of_gate) == CL_SUCCESS);
  REQUIRE(eventually([&] { return of_second.times == 1; }));
  REQUIRE(of_first.times == 0);
  REQUIRE(of_gate.times == 0);
  REQUIRE(clSetUserEventStatus(gate, CL_COMPLETE) == CL_SUCCESS);
  REQUIRE(eventually([&] { return of_first.times == 1 && of_gate.times == 1; }));
}

TEST_CASE("after the worker's death every wait returns and every event has failed") {
  Program program;
  cl_mem buffer = program.make_buffer(64);
  program.pool.hold();
  Heard heard;
  cl_event event = nullptr, gate = clCreateUserEvent(program.context, nullptr);
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 64, 0, nullptr, &event) == CL_SUCCESS);
  REQUIRE(clSetEventCallback(event, CL_COMPLETE, Heard::call, &heard) == CL_SUCCESS);
  std::atomic<int> returned{0};
  std::vector<std::thread> waiters;
  waiters.emplace_back([&] { returned += clFinish(program.queue) == CL_OUT_OF_RESOURCES; });
  waiters.emplace_back([&] { returned += clWaitForEvents(1, &event) == CL_OUT_OF_RESOURCES; });
  waiters.emplace_back([&] { returned += clWaitForEvents(1, &gate) == CL_OUT_OF_RESOURCES; });
  waiters.emplace_back([&] {
    char byte = 0;
    returned +=
        clEnqueueReadBuffer(program.queue, buffer, CL_TRUE, 0, 1, &byte, 0, nullptr, nullptr) == CL_OUT_OF_RESOURCES;
  });
  waiters.emplace_back([&] {
    cl_int error = CL_SUCCESS;
    clCreateBuffer(program.context, 0, 1ull << 27, nullptr, &error);  // may be answered before the death
    ++returned;
  });
  std::this_thread::sleep_for(50ms);
  program.pool.die();
  for (std::thread& waiter : waiters) waiter.join();
  REQUIRE(returned == 5);
  REQUIRE(status_of(event) == CL_OUT_OF_RESOURCES);
  REQUIRE(eventually([&] { return heard.times == 1; }));
  REQUIRE(heard.status == CL_OUT_OF_RESOURCES);
  REQUIRE(clEnqueueFillBuffer(program.queue, buffer, "a", 1, 0, 64, 0, nullptr, nullptr) == CL_OUT_OF_RESOURCES);
  REQUIRE(clFinish(program.queue) == CL_OUT_OF_RESOURCES);
  clCreateBuffer(program.context, 0, 64, nullptr, &program.error);
  REQUIRE(program.error == CL_OUT_OF_RESOURCES);
  REQUIRE(clReleaseEvent(event) == CL_SUCCESS);
  REQUIRE(clReleaseMemObject(buffer) == CL_SUCCESS);
  REQUIRE(clReleaseCommandQueue(program.queue) == CL_SUCCESS);
}
