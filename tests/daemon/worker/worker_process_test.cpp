// The worker as a process, on PoCL: the whole path from a command in the ring to a word in the program's memory.
#include <sys/wait.h>

#include <fstream>

#include "rig.h"

namespace sluice::test {
namespace {

constexpr char square[] =
    "__kernel void square(__global int* out, __global const int* in, int add) {"
    "  size_t i = get_global_id(0); out[i] = in[i] * in[i] + add; }";

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

}  // namespace
}  // namespace sluice::test
