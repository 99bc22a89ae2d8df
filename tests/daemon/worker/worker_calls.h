// Calls that tests of real workers make again and again.
#pragma once

#include <string>

#include "rig.h"

namespace sluice::test {

inline constexpr char square[] =
    "__kernel void square(__global int* out, __global const int* in, int add) {"
    "  size_t i = get_global_id(0); out[i] = in[i] * in[i] + add; }";

inline wire::KernelLaunch launch_of(ObjectId kernel, std::uint64_t items, const Arguments& arguments) {
  wire::KernelLaunch launch;
  launch.kernel = kernel;
  launch.global_size[0] = items;
  launch.argument_count = arguments.count();
  return launch;
}

// A read of a whole buffer into fresh room in the arena.
inline const int* read_back(Worker& worker, Queue& queue, const Worker::Buffer& buffer) {
  wire::BufferRead read;
  read.buffer = buffer.id, read.bytes = buffer.bytes, read.arena_at = worker.allocate(buffer.bytes);
  worker.enqueue(queue, read);
  REQUIRE(worker.finish(queue));
  return reinterpret_cast<const int*>(worker.at(read.arena_at));
}

inline ObjectId make_kernel(Worker& worker, const std::string& source) {
  const ObjectId program = worker.mint();
  const auto reply = worker.build(program, source);
  INFO(reply.log);
  REQUIRE(reply.outcome == Outcome::ok);
  return worker.make_kernel(program, 0);
}

}  // namespace sluice::test
