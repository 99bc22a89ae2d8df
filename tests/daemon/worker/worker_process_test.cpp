// The worker as a process, on PoCL: the whole path from a command in the ring to a word in the program's memory.
#include <sys/wait.h>
#include <unistd.h>

#include "worker_calls.h"

namespace sluice::test {
namespace {

TEST_CASE("a program computes through a worker: build, write, launch, read, count") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  constexpr int items = 1024;
  const auto in = worker.make_buffer(items * 4), out = worker.make_buffer(items * 4);
  CHECK(worker.held_bytes() == 2 * items * 4);
  const ObjectId program = worker.mint();
  const auto reply = worker.build(program, square);
  INFO(reply.log);
  REQUIRE(reply.outcome == Outcome::ok);
  REQUIRE(reply.kernels.size() == 1);
  CHECK(reply.kernels[0].name == "square");
  REQUIRE(reply.kernels[0].arguments.size() == 3);
  CHECK(reply.kernels[0].arguments[0].kind == wire::ArgumentKind::memory);
  CHECK(reply.kernels[0].arguments[2].kind == wire::ArgumentKind::bytes);
  CHECK(reply.kernels[0].arguments[2].size_bytes == 4);
  const ObjectId kernel = worker.make_kernel(program, 0);

  const std::uint64_t staging = worker.allocate(items * 4);
  auto* numbers = reinterpret_cast<int*>(worker.at(staging));
  for (int i = 0; i < items; ++i) numbers[i] = i;
  wire::BufferWrite write;
  write.buffer = in.id, write.bytes = items * 4, write.arena_at = staging;
  worker.enqueue(queue, write);
  Arguments arguments;
  arguments.object(out.id).object(in.id).value(7);
  wire::KernelLaunch launch;
  launch.kernel = kernel, launch.global_size[0] = items, launch.argument_count = arguments.count();
  const Posted launched = worker.enqueue(queue, launch, true, {}, arguments.data());
  const std::uint64_t result = worker.allocate(items * 4);
  wire::BufferRead read;
  read.buffer = out.id, read.bytes = items * 4, read.arena_at = result;
  worker.enqueue(queue, read);
  REQUIRE(worker.finish(queue));

  const auto* squares = reinterpret_cast<const int*>(worker.at(result));
  for (int i = 0; i < items; ++i) REQUIRE(squares[i] == i * i + 7);
  CHECK(launched.slot->stage == static_cast<int>(wire::EventStage::complete));
  CHECK(launched.slot->queued_ns <= launched.slot->submitted_ns);
  CHECK(launched.slot->submitted_ns <= launched.slot->started_ns);
  CHECK(launched.slot->started_ns < launched.slot->ended_ns);
  CHECK(launched.slot->ended_ns <= now_ns());
  CHECK(worker.meter().launches == 1);
  CHECK(worker.meter().commands == 3);
  CHECK(worker.meter().bytes_in == items * 4);
  CHECK(worker.meter().bytes_out == items * 4);
  CHECK(worker.meter().device_ns > 0);
  CHECK(worker.meter().failures == 0);

  worker.release(in.id);
  worker.release(out.id);
  worker.drop_session();
  const int status = worker.wait_for_exit();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(worker.meter().memory_bytes == 0);
  CHECK(worker.meter().memory_peak_bytes == 2 * items * 4);
}

TEST_CASE("queues wait for each other's events and for user events") {
  Worker worker;
  worker.attach();
  Queue first = worker.make_queue(), second = worker.make_queue(true);
  const auto buffer = worker.make_buffer(64);
  wire::UserEventCreate gate;
  gate.id = worker.mint();
  worker.post(gate);
  const int one = 1, two = 2;
  wire::BufferFill fill;
  fill.buffer = buffer.id, fill.bytes = 64, fill.pattern_bytes = 4;
  const Posted early = worker.enqueue(first, fill, true, {gate.id}, std::as_bytes(std::span(&one, 1)));
  worker.enqueue(second, fill, false, {early.event}, std::as_bytes(std::span(&two, 1)));
  usleep(20'000);
  CHECK(first.timeline->completed == 0);
  CHECK(second.timeline->completed == 0);
  wire::UserEventSet open;
  open.id = gate.id;
  worker.post(open);
  REQUIRE(worker.finish(second));
  CHECK(first.timeline->completed == 1);
  CHECK(*reinterpret_cast<const int*>(worker.at(buffer.arena_at)) == 2);
}

TEST_CASE("what waits for a user event that failed ends with an error, and so does what waits for that") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue(), other = worker.make_queue();
  wire::UserEventCreate gate;
  gate.id = worker.mint();
  worker.post(gate);
  const Posted waiting = worker.enqueue(queue, wire::Marker{}, true, {gate.id});
  const Posted after = worker.enqueue(other, wire::Marker{}, true, {waiting.event});
  wire::UserEventSet fail;
  fail.id = gate.id, fail.failed = 1;
  worker.post(fail);
  REQUIRE(worker.finish(queue));
  REQUIRE(worker.finish(other));
  CHECK(waiting.slot->stage < 0);
  CHECK(after.slot->stage < 0);
  CHECK(worker.meter().failures == 2);
  // The queues work on; only what waits for what has failed fails too.
  const Posted late = worker.enqueue(queue, wire::Marker{}, true, {gate.id});
  const Posted later = worker.enqueue(other, wire::Marker{}, true, {waiting.event});
  const Posted free = worker.enqueue(other, wire::Marker{}, true);
  REQUIRE(worker.finish(queue));
  REQUIRE(worker.finish(other));
  CHECK(late.slot->stage < 0);
  CHECK(later.slot->stage < 0);
  CHECK(free.slot->stage == 0);
}

TEST_CASE("a thousand launches in a row end in order and are all counted") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const auto buffer = worker.make_buffer(4096);
  const ObjectId kernel =
      make_kernel(worker, "__kernel void add(__global int* a, int n) { if (a[0] == n) a[0] = n + 1; }");
  for (int i = 0; i < 1000; ++i) {
    Arguments arguments;
    arguments.object(buffer.id).value(i);
    worker.enqueue(queue, launch_of(kernel, 1, arguments), false, {}, arguments.data());
  }
  REQUIRE(worker.finish(queue));
  CHECK(*reinterpret_cast<const int*>(worker.at(buffer.arena_at)) == 1000);
  CHECK(worker.meter().launches == 1000);
}

}  // namespace
}  // namespace sluice::test
