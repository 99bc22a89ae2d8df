// The OpenCL backend on Mesa's rusticl: what its callbacks and times do not give.
#include <algorithm>
#include <thread>
#include <vector>

#include "device_bench.h"

namespace sluice::backend::opencl {
namespace {

constexpr char slow_kernel[] =
    "kernel void slow(global int* v) { int x = v[0]; for (int i = 0; i < 50000; ++i) x = x * 1664525 + 1013904223;"
    " v[get_global_id(0)] = x; }";

struct Bench : test::DeviceBench {
  Bench() : DeviceBench(test::backend_of(test::rusticl_icd)) {
    wire::BuildRequest request;
    request.source = slow_kernel;
    const auto reply = device->build(request, {}, program);
    INFO(reply.log);
    REQUIRE(reply.outcome == Outcome::ok);
    kernel = std::move(device->create_kernel(*program, 0).object);
    REQUIRE(kernel);
    memory = std::move(device->create_buffer(items * 4, {}, wire::device_reads | wire::device_writes).object);
    REQUIRE(memory);
  }
  Submitted launch(const Submission& how) {
    const ArgumentRef argument{wire::ArgumentValue::object, {}, memory.get(), nullptr, 0};
    Launch shape;
    shape.global_size = {items, 1, 1};
    shape.arguments = std::span(&argument, 1);
    return device->launch(how, *kernel, shape);
  }
  Submission gated(std::uint64_t token, Event* const& gate) { return {queue.get(), std::span(&gate, 1), token, true}; }

  static constexpr std::uint64_t items = 256;
  std::unique_ptr<Program> program;
  std::unique_ptr<Kernel> kernel;
  std::unique_ptr<Memory> memory;
};

TEST_CASE("each launch of a batch has its own time, none has another's") {
  Bench bench;
  const Nanoseconds before = now_ns();
  constexpr std::uint64_t launches = 5;
  for (std::uint64_t token = 1; token <= launches; ++token)
    REQUIRE(bench.launch(bench.how(token)).outcome == Outcome::ok);
  bench.device->flush(*bench.queue);
  Nanoseconds sum = 0, previous_end = before;
  for (std::uint64_t token = 1; token <= launches; ++token) {
    const auto end = bench.ends.wait_for(token);
    CHECK(end.outcome == Outcome::ok);
    CHECK(end.times.started_ns >= previous_end);
    CHECK(end.times.ended_ns > end.times.started_ns);
    previous_end = end.times.ended_ns;
    sum += end.times.ended_ns - end.times.started_ns;
  }
  CHECK(sum > 0);
  CHECK(sum <= now_ns() - before);
}

TEST_CASE("a work-group of a kernel may be as large as the device's, and is run") {
  Bench bench;
  wire::BuildRequest request;
  request.source = "kernel void size(global int* v) { v[get_global_id(0)] = get_local_size(0); }";
  std::unique_ptr<Program> program;
  const auto reply = bench.device->build(request, {}, program);
  REQUIRE(reply.outcome == Outcome::ok);
  const std::uint64_t most = bench.device->traits().work_group_size_max;
  CHECK(most > 32);
  CHECK(reply.kernels.at(0).work_group_size_max == most);
  const auto kernel = bench.device->create_kernel(*program, 0);
  const auto memory = bench.device->create_buffer(most * 4, {}, wire::device_reads | wire::device_writes);
  const ArgumentRef argument{wire::ArgumentValue::object, {}, memory.object.get(), nullptr, 0};
  Launch shape;
  shape.global_size = shape.local_size = {most, 1, 1};
  shape.arguments = std::span(&argument, 1);
  REQUIRE(bench.device->launch(bench.how(1), *kernel.object, shape).outcome == Outcome::ok);
  std::vector<std::uint32_t> values(most);
  REQUIRE(
      bench.device->read_buffer(bench.how(2), *memory.object, 0, std::as_writable_bytes(std::span(values))).outcome ==
      Outcome::ok);
  bench.device->flush(*bench.queue);
  CHECK(bench.ends.wait_for(2).outcome == Outcome::ok);
  CHECK(std::all_of(values.begin(), values.end(), [&](std::uint32_t value) { return value == most; }));
}

TEST_CASE("a kernel's local memory is what it declares") {
  Bench bench;
  wire::BuildRequest request;
  request.source =
      "kernel void part(global int* v) { local int t[4096]; t[get_local_id(0)] = v[0]; barrier(1); v[1] = t[7]; }";
  std::unique_ptr<Program> program;
  const auto reply = bench.device->build(request, {}, program);
  REQUIRE(reply.outcome == Outcome::ok);
  CHECK(reply.kernels.at(0).local_bytes == 16384);
}

TEST_CASE("the device has no more compute units than the machine has processors") {
  Bench bench;
  CHECK(bench.device->traits().compute_units >= 1);
  CHECK(bench.device->traits().compute_units <= std::thread::hardware_concurrency());
}

TEST_CASE("commands of several queues together take no longer than has passed") {
  Bench bench;
  const auto other = bench.device->create_queue({});
  REQUIRE(other.outcome == Outcome::ok);
  const Nanoseconds before = now_ns();
  constexpr std::uint64_t launches = 8;
  for (std::uint64_t token = 1; token <= launches; ++token) {
    Submission how = bench.how(token);
    if (token % 2 == 0) how.queue = other.object.get();
    REQUIRE(bench.launch(how).outcome == Outcome::ok);
  }
  bench.device->flush(*bench.queue);
  bench.device->flush(*other.object);
  Nanoseconds sum = 0;
  for (std::uint64_t token = 1; token <= launches; ++token) {
    const auto times = bench.ends.wait_for(token).times;
    sum += times.ended_ns - times.started_ns;
  }
  CHECK(sum > 0);
  CHECK(sum <= now_ns() - before);
}

TEST_CASE("a command ends although a gated one was flushed with it, and the gated one is not charged for its wait") {
  Bench bench;
  const auto gate = bench.device->create_user_event();
  REQUIRE(gate.outcome == Outcome::ok);
  Event* const gate_event = gate.object.get();
  REQUIRE(bench.launch(bench.how(1, true)).outcome == Outcome::ok);
  REQUIRE(bench.launch(bench.gated(2, gate_event)).outcome == Outcome::ok);
  bench.device->flush(*bench.queue);
  CHECK(bench.ends.wait_for(1).outcome == Outcome::ok);
  const Nanoseconds opened_ns = now_ns();
  bench.device->set_user_event(*gate.object, false);
  const auto end = bench.ends.wait_for(2);
  CHECK(end.outcome == Outcome::ok);
  CHECK(end.times.submitted_ns < opened_ns);
  CHECK(end.times.started_ns >= opened_ns);
}

TEST_CASE("what waits for a failed event fails, and so does what waits for that") {
  Bench bench;
  const auto gate = bench.device->create_user_event();
  Event* const gate_event = gate.object.get();
  const Submitted first = bench.launch(bench.gated(1, gate_event));
  REQUIRE(first.outcome == Outcome::ok);
  Event* const first_event = first.event.get();
  const Submitted second = bench.launch(bench.gated(2, first_event));
  REQUIRE(second.outcome == Outcome::ok);
  bench.device->flush(*bench.queue);
  bench.device->set_user_event(*gate.object, true);
  CHECK(bench.ends.wait_for(1).outcome == Outcome::wait_list_failed);
  CHECK(bench.ends.wait_for(2).outcome == Outcome::wait_list_failed);
  const Submitted late = bench.launch(bench.gated(3, gate_event));
  REQUIRE(late.outcome == Outcome::ok);
  bench.device->flush(*bench.queue);
  CHECK(bench.ends.wait_for(3).outcome == Outcome::wait_list_failed);
  REQUIRE(bench.launch(bench.how(4)).outcome == Outcome::ok);
  bench.device->flush(*bench.queue);
  CHECK(bench.ends.wait_for(4).outcome == Outcome::ok);
}

TEST_CASE("a queue may be released before its commands have ended") {
  Bench bench;
  const auto gate = bench.device->create_user_event();
  Event* const gate_event = gate.object.get();
  REQUIRE(bench.launch(bench.gated(1, gate_event)).outcome == Outcome::ok);
  bench.device->flush(*bench.queue);
  bench.queue.reset();
  bench.device->set_user_event(*gate.object, false);
  CHECK(bench.ends.wait_for(1).outcome == Outcome::ok);
}

TEST_CASE("a whole binary makes the program again, a cut one is refused") {
  Bench bench;
  std::string container;
  REQUIRE(bench.device->binary(*bench.program, container) == Outcome::ok);
  std::unique_ptr<Program> loaded;
  wire::BuildRequest load;
  load.verb = wire::BuildVerb::build_binary;
  load.source = container;
  CHECK(bench.device->build(load, {}, loaded).outcome == Outcome::ok);
  load.source.resize(load.source.size() / 2);
  CHECK(bench.device->build(load, {}, loaded).outcome == Outcome::invalid_binary);
}

}  // namespace
}  // namespace sluice::backend::opencl
