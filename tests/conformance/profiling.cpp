// Profiling (OpenCL 3.0, section 5.14).
#include "rig.h"

namespace conformance {

TEST("profiling: times of a kernel are in order") {
  Memory buffer = buffer_of(std::vector<int>(1 << 12, 0));
  Kernel kernel = make_kernel(kit(), "slow");
  EXPECT_OK(set_arg(kernel, 0, buffer));
  EXPECT_OK(set_arg(kernel, 1, 1000));
  Event event;
  EXPECT_OK(launch(rig().queue, kernel, 1 << 12, event.out()));
  EXPECT_OK(clWaitForEvents(1, event.address()));
  const cl_ulong queued = profile(event, CL_PROFILING_COMMAND_QUEUED);
  const cl_ulong submitted = profile(event, CL_PROFILING_COMMAND_SUBMIT);
  const cl_ulong started = profile(event, CL_PROFILING_COMMAND_START);
  const cl_ulong ended = profile(event, CL_PROFILING_COMMAND_END);
  EXPECT(queued > 0 && queued <= submitted && submitted <= started && started < ended);
  EXPECT(profile(event, CL_PROFILING_COMMAND_COMPLETE) >= ended);
}

TEST("profiling: every kind of command has times, and the queue's order shows in them") {
  const auto data = pattern(4096);
  std::vector<std::uint8_t> got(4096);
  Memory buffer = make_buffer(4096), copy = make_buffer(4096);
  Kernel kernel = make_kernel(kit(), "empty");
  Event events[6];
  const cl_command_queue queue = rig().queue;
  EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, 4096, data.data(), 0, nullptr, events[0].out()));
  EXPECT_OK(launch(queue, kernel, 1, events[1].out()));
  EXPECT_OK(clEnqueueCopyBuffer(queue, buffer, copy, 0, 0, 4096, 0, nullptr, events[2].out()));
  EXPECT_OK(clEnqueueReadBuffer(queue, copy, CL_TRUE, 0, 4096, got.data(), 0, nullptr, events[3].out()));
  cl_int code = CL_SUCCESS;
  void* mapped = clEnqueueMapBuffer(queue, copy, CL_TRUE, CL_MAP_READ, 0, 4096, 0, nullptr, events[4].out(), &code);
  EXPECT_OK(clEnqueueUnmapMemObject(queue, copy, mapped, 0, nullptr, events[5].out()));
  EXPECT_OK(clFinish(queue));
  cl_ulong last = 0;
  for (const Event& event : events) {
    EXPECT(profile(event, CL_PROFILING_COMMAND_START) >= last);
    EXPECT(profile(event, CL_PROFILING_COMMAND_END) >= profile(event, CL_PROFILING_COMMAND_START));
    last = profile(event, CL_PROFILING_COMMAND_START);
  }
  EXPECT(got == data);
}

TEST("profiling: is refused without the queue's property, before the end, and of user events") {
  cl_ulong time = 0;
  Kernel kernel = make_kernel(kit(), "empty");
  const Queue plain = make_queue();
  Event event, gate = user_event(), waiting;
  EXPECT_OK(launch(plain, kernel, 1, event.out()));
  EXPECT_OK(clFinish(plain));
  const auto ask = [&](cl_event of) {
    return clGetEventProfilingInfo(of, CL_PROFILING_COMMAND_START, sizeof time, &time, nullptr);
  };
  EXPECT_CODE(ask(event), CL_PROFILING_INFO_NOT_AVAILABLE);
  EXPECT_CODE(ask(gate), CL_PROFILING_INFO_NOT_AVAILABLE);
  EXPECT_OK(launch(rig().queue, kernel, 1, waiting.out(), {gate}));
  EXPECT_CODE(ask(waiting), CL_PROFILING_INFO_NOT_AVAILABLE);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(rig().queue));
  EXPECT_CODE(clGetEventProfilingInfo(waiting, 0x1, sizeof time, &time, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clGetEventProfilingInfo(waiting, CL_PROFILING_COMMAND_END, 4, &time, nullptr), CL_INVALID_VALUE);
}

TEST("5.14 profiling refuses each wrong argument") {
  Kernel kernel = make_kernel(kit(), "empty");
  Event event;
  cl_ulong time = 0;
  std::size_t bytes = 0;
  EXPECT_OK(launch(rig().queue, kernel, 1, event.out()));
  EXPECT_OK(clFinish(rig().queue));
  CHECK_CODE(clGetEventProfilingInfo(nullptr, CL_PROFILING_COMMAND_START, 8, &time, nullptr), CL_INVALID_EVENT);
  CHECK_CODE(clGetEventProfilingInfo(event, 0x9999, 8, &time, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, 7, &time, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, 0, nullptr, &bytes), CL_SUCCESS);
  CHECK(bytes == sizeof(cl_ulong));
}

TEST("5.14 every kind of command is profiled in the order of its states") {
  const Queue queue = make_queue(CL_QUEUE_PROFILING_ENABLE);
  Memory a = make_buffer(4096), b = make_buffer(4096);
  std::vector<std::uint8_t> host(4096);
  Kernel kernel = make_kernel(kit(), "empty");
  const std::size_t zero[3] = {0, 0, 0}, region[3] = {64, 64, 1};
  cl_int code = CL_SUCCESS;
  void* mapped = nullptr;
  const int value = 1;
  const std::vector<std::function<cl_int(cl_event*)>> commands = {
      [&](cl_event* e) { return clEnqueueWriteBuffer(queue, a, CL_FALSE, 0, 4096, host.data(), 0, nullptr, e); },
      [&](cl_event* e) { return clEnqueueReadBuffer(queue, a, CL_FALSE, 0, 4096, host.data(), 0, nullptr, e); },
      [&](cl_event* e) { return clEnqueueReadBuffer(queue, a, CL_TRUE, 0, 4096, host.data(), 0, nullptr, e); },
      [&](cl_event* e) { return clEnqueueCopyBuffer(queue, a, b, 0, 0, 4096, 0, nullptr, e); },
      [&](cl_event* e) { return clEnqueueFillBuffer(queue, b, &value, 4, 0, 4096, 0, nullptr, e); },
      [&](cl_event* e) {
        return clEnqueueReadBufferRect(queue, a, CL_TRUE, zero, zero, region, 0, 0, 0, 0, host.data(), 0, nullptr, e);
      },
      [&](cl_event* e) {
        return clEnqueueWriteBufferRect(queue, a, CL_FALSE, zero, zero, region, 0, 0, 0, 0, host.data(), 0, nullptr, e);
      },
      [&](cl_event* e) { return clEnqueueCopyBufferRect(queue, a, b, zero, zero, region, 0, 0, 0, 0, 0, nullptr, e); },
      [&](cl_event* e) { return launch(queue, kernel, 4, e); },
      [&](cl_event* e) { return clEnqueueTask(queue, kernel, 0, nullptr, e); },
      [&](cl_event* e) {
        mapped = clEnqueueMapBuffer(queue, a, CL_TRUE, CL_MAP_WRITE, 0, 4096, 0, nullptr, e, &code);
        return code;
      },
      [&](cl_event* e) { return clEnqueueUnmapMemObject(queue, a, mapped, 0, nullptr, e); },
      [&](cl_event* e) { return clEnqueueMigrateMemObjects(queue, 1, a.address(), 0, 0, nullptr, e); },
      [&](cl_event* e) { return clEnqueueMarkerWithWaitList(queue, 0, nullptr, e); },
      [&](cl_event* e) { return clEnqueueBarrierWithWaitList(queue, 0, nullptr, e); },
  };
  for (const auto& command : commands) {
    Event event;
    EXPECT_OK(command(event.out()));
    EXPECT_OK(clFinish(queue));
    const cl_ulong queued = profile(event, CL_PROFILING_COMMAND_QUEUED);
    const cl_ulong submitted = profile(event, CL_PROFILING_COMMAND_SUBMIT);
    const cl_ulong started = profile(event, CL_PROFILING_COMMAND_START);
    const cl_ulong ended = profile(event, CL_PROFILING_COMMAND_END);
    CHECK(queued > 0);
    CHECK(queued <= submitted);
    CHECK(submitted <= started);
    CHECK(started <= ended);
  }
}

TEST("5.14 a command that was gated starts after its gate") {
  const Queue queue = make_queue(CL_QUEUE_PROFILING_ENABLE);
  Kernel kernel = make_kernel(kit(), "empty");
  Event first, second;
  EXPECT_OK(launch(queue, kernel, 1, first.out()));
  EXPECT_OK(launch(queue, kernel, 1, second.out(), {first}));
  EXPECT_OK(clFinish(queue));
  CHECK(profile(second, CL_PROFILING_COMMAND_START) >= profile(first, CL_PROFILING_COMMAND_END));
}

TEST("5.14 a longer kernel takes longer") {
  Memory buffer = buffer_of(std::vector<int>(256, 0));
  Kernel kernel = make_kernel(kit(), "slow");
  EXPECT_OK(set_arg(kernel, 0, buffer));
  const auto taken = [&](int rounds) {
    EXPECT_OK(set_arg(kernel, 1, rounds));
    Event event;
    EXPECT_OK(launch(rig().queue, kernel, 256, event.out()));
    EXPECT_OK(clFinish(rig().queue));
    return profile(event, CL_PROFILING_COMMAND_END) - profile(event, CL_PROFILING_COMMAND_START);
  };
  taken(1);
  CHECK(taken(100000) > taken(1));
}

}  // namespace conformance
