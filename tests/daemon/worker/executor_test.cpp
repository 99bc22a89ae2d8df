#include "command_rig.h"

namespace sluice::worker {
namespace {

TEST_CASE("events are made only where the program holds them, and found in wait lists") {
  Rig rig;
  const ObjectId queue = rig.queue();
  auto first = rig.to<wire::Marker>(queue, 1);
  first.enqueue.event = rig.next_id++;
  CHECK(rig.send(first).ok());
  auto second = rig.to<wire::Marker>(queue, 2);
  second.enqueue.wait_count = 1;
  CHECK(rig.send(second, std::as_bytes(std::span(&first.enqueue.event, 1))).ok());
  REQUIRE(rig.device.commands.size() == 2);
  CHECK(rig.device.commands[0].with_event);
  CHECK_FALSE(rig.device.commands[1].with_event);
  CHECK(rig.device.commands[1].waits == 1);
  wire::ObjectRelease release;
  release.id = first.enqueue.event;
  CHECK(rig.send(release).ok());
  CHECK(rig.path.objects().size() == 1);
}

TEST_CASE("data that came with a write is kept until the write has ended") {
  Rig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer();
  auto write = rig.to<wire::BufferWrite>(queue, 1);
  write.buffer = buffer, write.bytes = 5, write.arena_at = wire::no_offset;
  const char text[8] = "hello";
  CHECK(rig.send(write, std::as_bytes(std::span(text))).ok());
  CHECK(rig.device.commands[0].data == "hello");
  rig.device.complete(0);
  CHECK(rig.meter.bytes_in == 5);
}

TEST_CASE("memory is charged to the byte, refused above the limit, and given back when its commands have ended") {
  Rig rig;
  const ObjectId queue = rig.queue();
  const ObjectId most = rig.buffer(limit_bytes - 100);
  wire::BufferCreate more;
  more.id = rig.next_id++, more.bytes = 101, more.arena_at = 0;
  CHECK(rig.call(more) == Outcome::quota_exceeded);
  more.bytes = 100;
  CHECK(rig.call(more) == Outcome::ok);
  CHECK(rig.meter.memory_bytes == limit_bytes);
  CHECK(rig.send(rig.to<wire::Marker>(queue, 1)).ok());
  wire::ObjectRelease release;
  release.id = most;
  CHECK(rig.send(release).ok());
  CHECK(rig.memory.held() == limit_bytes);
  rig.device.complete(0);
  CHECK(rig.memory.held() == 100);
  CHECK(rig.meter.memory_bytes == 100);
  CHECK(rig.meter.memory_peak_bytes == limit_bytes);
}

TEST_CASE("a driver's refusal gives the charge back") {
  Rig rig;
  rig.device.answer = Outcome::out_of_device_memory;
  wire::BufferCreate command;
  command.id = rig.next_id++, command.bytes = 4096, command.arena_at = 0;
  CHECK(rig.call(command) == Outcome::out_of_device_memory);
  CHECK(rig.memory.held() == 0);
}

TEST_CASE("a sub-buffer keeps its parent's memory charged") {
  Rig rig;
  const ObjectId parent = rig.buffer(4096);
  wire::SubBufferCreate part;
  part.id = rig.next_id++, part.parent = parent, part.origin = 1024, part.bytes = 1024, part.access = 3;
  CHECK(rig.send(part).ok());
  wire::ObjectRelease release;
  release.id = parent;
  CHECK(rig.send(release).ok());
  CHECK(rig.memory.held() == 4096);
  release.id = part.id;
  CHECK(rig.send(release).ok());
  CHECK(rig.memory.held() == 0);
}

TEST_CASE("a buffer must lie where the device works, on its boundary") {
  Rig rig;
  wire::BufferCreate command;
  command.id = rig.next_id++, command.bytes = 64;
  CHECK(rig.call(command) == Outcome::invalid_value);  // nowhere, but this device works in the arena
  command.arena_at = 64;
  CHECK(rig.call(command) == Outcome::invalid_value);
  command.arena_at = 128;
  CHECK(rig.call(command) == Outcome::ok);
}

TEST_CASE("arguments of a launch reach the device by kind") {
  Rig rig;
  const ObjectId queue = rig.queue(), kernel = rig.kernel(), buffer = rig.buffer();
  auto launch = rig.to<wire::KernelLaunch>(queue, 1);
  launch.kernel = kernel, launch.argument_count = 5;
  std::vector<std::uint64_t> data{
      8ull << 32 | 2,   buffer,      // object
      8ull << 32 | 2,   0,           // a null buffer
      3ull << 32 | 1,   0x00636261,  // "abc"
      512ull << 32 | 3,              // local
      8ull << 32 | 4,   4096,        // a pointer into the arena
  };
  CHECK(rig.send(launch, std::as_bytes(std::span(data))).ok());
  REQUIRE(rig.device.launched_with.size() == 5);
  CHECK(rig.device.launched_with[0].memory != nullptr);
  CHECK(rig.device.launched_with[1].memory == nullptr);
  CHECK(rig.device.launched_with[2].bytes.size() == 3);
  CHECK(rig.device.launched_with[3].local_bytes == 512);
  CHECK(rig.device.launched_with[4].pointer == rig.at(4096));
}

TEST_CASE("a launch with an object that is not there, or four dimensions, ends with an error") {
  Rig rig;
  const ObjectId queue = rig.queue(), kernel = rig.kernel();
  auto launch = rig.to<wire::KernelLaunch>(queue, 1);
  launch.kernel = kernel, launch.argument_count = 1;
  const std::vector<std::uint64_t> data{8ull << 32 | 2, 4711};
  CHECK(rig.send(launch, std::as_bytes(std::span(data))).ok());
  CHECK(rig.timeline().first_error == static_cast<int>(Outcome::invalid_object));
  launch = rig.to<wire::KernelLaunch>(queue, 2);
  launch.kernel = kernel, launch.dimensions = 4;
  CHECK(rig.send(launch).ok());
  CHECK(rig.device.commands.empty());
  CHECK(rig.timeline().completed == 2);
}

TEST_CASE("an answer that did not fit is kept for the same call again, and the build is not repeated") {
  Rig rig;
  wire::Encoder encoder;
  encode(encoder, wire::BuildRequest{});
  std::memcpy(rig.at(0), encoder.bytes().data(), encoder.bytes().size());
  wire::ProgramBuild command;
  command.id = 5, command.request_bytes = encoder.bytes().size();
  command.call.data_at = 2 << 20, command.call.data_bytes = 16;
  CHECK(rig.call(command) == Outcome::reply_too_small);
  command.call.data_bytes = 4096;
  CHECK(rig.call(command) == Outcome::ok);
  CHECK(rig.device.calls.size() == 1);
  CHECK_FALSE(rig.call(command).has_value());  // a third time is a fault
}

TEST_CASE("a binary is asked for only of a program that was built") {
  Rig rig;
  wire::ProgramBinary command;
  command.id = 4711;
  CHECK(rig.call(command) == Outcome::invalid_object);
  command.id = rig.program();
  command.call.data_at = 2 << 20, command.call.data_bytes = 64;
  CHECK(rig.call(command) == Outcome::ok);
  CHECK(std::memcmp(rig.at(2 << 20), "the binary", 10) == 0);
}

TEST_CASE("a queue may be had on a run of the device's compute units, if the device can be divided") {
  Rig rig;
  wire::QueueCreate command;
  command.id = 50, command.timeline_at = Rig::slots_at, command.first_unit = 1, command.units = 3;
  rig.device.can_be_divided(4);
  REQUIRE(rig.send(command).ok());
  REQUIRE(rig.device.queue_shapes.size() == 1);
  CHECK(rig.device.queue_shapes[0].first_unit == 1);
  CHECK(rig.device.queue_shapes[0].units == 3);
}

TEST_CASE("queues are flushed before the command thread rests and every so many commands") {
  Rig rig;
  const ObjectId queue = rig.queue();
  for (std::uint64_t i = 1; i <= 200; ++i) CHECK(rig.send(rig.to<wire::Marker>(queue, i)).ok());
  CHECK(rig.device.flushes == 3);
  rig.path.flush();
  rig.path.flush();
  CHECK(rig.device.flushes == 4);
}

TEST_CASE("releasing a queue with commands in flight publishes them all the same") {
  Rig rig;
  const ObjectId queue = rig.queue();
  CHECK(rig.send(rig.to<wire::Marker>(queue, 1)).ok());
  wire::ObjectRelease release;
  release.id = queue;
  CHECK(rig.send(release).ok());
  CHECK(rig.device.flushes == 1);
  rig.device.complete(0);
  CHECK(rig.timeline().completed == 1);
  rig.path.flush();
}

}  // namespace
}  // namespace sluice::worker
