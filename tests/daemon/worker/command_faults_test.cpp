// What no working shim would send ends the session, and never reaches the device.
#include "command_rig.h"

namespace sluice::worker {
namespace {

TEST_CASE("a command that is not in the table is a fault") {
  Rig rig;
  for (const std::uint16_t op : {0, 13, 31, 48, 49, 1000, 65535}) {
    const wire::CommandHeader header{static_cast<wire::Op>(op), 0, sizeof header};
    CHECK(is_fault(rig.path.handle(std::as_bytes(std::span(&header, 1)))));
  }
}

TEST_CASE("every command is a fault at every length but its own") {
  Rig rig;
  for (std::uint16_t op = 1; op < 48; ++op) {
    for (const std::size_t bytes : {8u, 12u, 16u, 32u, 40u, 47u}) {
      std::vector<std::byte> command(bytes);
      const wire::CommandHeader header{static_cast<wire::Op>(op), 0, static_cast<std::uint32_t>(bytes)};
      std::memcpy(command.data(), &header, sizeof header);
      const Status status = rig.path.handle(command);
      // Those whose length is right make id 0, which is a fault as well; but for these, which make nothing.
      const auto is = [&](wire::Op other) { return op == static_cast<std::uint16_t>(other); };
      if (!is(wire::Op::object_release) && !is(wire::Op::user_event_set) && !is(wire::Op::program_binary))
        CHECK(is_fault(status));
    }
  }
  CHECK(rig.device.commands.empty());
}

TEST_CASE("a header that lies about the length is a fault") {
  Rig rig;
  wire::ObjectRelease command;
  command.header = {wire::Op::object_release, 0, 8};
  CHECK(is_fault(rig.path.handle(std::as_bytes(std::span(&command, 1)))));
}

TEST_CASE("an answer outside the arena is a fault") {
  Rig rig;
  wire::BufferCreate command;
  command.id = 1, command.bytes = 64, command.arena_at = 0;
  for (const std::uint64_t at : {arena_bytes, arena_bytes - 8, wire::no_offset, UINT64_MAX - 63, std::uint64_t{8}}) {
    command.call.reply_at = at;
    CHECK(is_fault(rig.send(command)));
  }
  command.call.reply_at = Rig::slots_at;
  command.call.data_at = arena_bytes - 8;
  command.call.data_bytes = 16;
  CHECK(is_fault(rig.send(command)));
  CHECK(rig.device.calls.empty());
}

TEST_CASE("a buffer outside the arena is a fault") {
  Rig rig;
  wire::BufferCreate command;
  command.id = 1, command.call.reply_at = Rig::slots_at;
  command.bytes = 4096, command.arena_at = arena_bytes - 2048;
  CHECK(is_fault(rig.send(command)));
  command.bytes = UINT64_MAX, command.arena_at = 4096;
  CHECK(is_fault(rig.send(command)));
}

TEST_CASE("an id that is 0 or held already is a fault") {
  Rig rig;
  const ObjectId id = rig.queue();
  wire::UserEventCreate event;
  event.id = id;
  CHECK(is_fault(rig.send(event)));
  event.id = 0;
  CHECK(is_fault(rig.send(event)));
  wire::QueueCreate queue;
  queue.id = id, queue.timeline_at = Rig::slots_at;
  CHECK(is_fault(rig.send(queue)));
}

TEST_CASE("a slot outside the arena or off its boundary is a fault") {
  Rig rig;
  wire::QueueCreate queue;
  queue.id = 50;
  for (const std::uint64_t at : {arena_bytes, Rig::slots_at + 8, wire::no_offset, arena_bytes - 32}) {
    queue.timeline_at = at;
    CHECK(is_fault(rig.send(queue)));
  }
  const ObjectId id = rig.queue();
  auto marker = rig.to<wire::Marker>(id, 1);
  marker.enqueue.event_at = Rig::slots_at + 1;
  CHECK(is_fault(rig.send(marker)));
  CHECK(rig.device.commands.empty());
}

TEST_CASE("a queue on compute units that are not there, or of a device that cannot be divided, is a fault") {
  const auto refused = [](bool divisible, std::uint32_t first_unit, std::uint32_t units) {
    Rig rig;
    if (divisible) rig.device.can_be_divided(4);
    wire::QueueCreate queue;
    queue.id = 50, queue.timeline_at = Rig::slots_at, queue.first_unit = first_unit, queue.units = units;
    return is_fault(rig.send(queue)) && rig.device.queue_shapes.empty();
  };
  CHECK(refused(false, 0, 1));
  CHECK(refused(true, 0, 5));
  CHECK(refused(true, 4, 1));
  CHECK(refused(true, 2, UINT32_MAX));
  CHECK(refused(true, UINT32_MAX, 2));
  CHECK(refused(true, 1, 0));
  CHECK_FALSE(refused(true, 3, 1));
}

TEST_CASE("a gap in a queue's sequence is a fault") {
  Rig rig;
  const ObjectId queue = rig.queue();
  CHECK(rig.send(rig.to<wire::Marker>(queue, 1)).ok());
  CHECK(is_fault(rig.send(rig.to<wire::Marker>(queue, 1))));
  CHECK(is_fault(rig.send(rig.to<wire::Marker>(queue, 3))));
  CHECK(is_fault(rig.send(rig.to<wire::Marker>(queue, 0))));
  CHECK(rig.send(rig.to<wire::Marker>(queue, 2)).ok());
}

TEST_CASE("a wait list longer than the command, or than allowed, is a fault") {
  Rig rig;
  const ObjectId queue = rig.queue();
  auto marker = rig.to<wire::Marker>(queue, 1);
  marker.enqueue.wait_count = 1;
  CHECK(is_fault(rig.send(marker)));
  marker.enqueue.wait_count = UINT32_MAX;
  CHECK(is_fault(rig.send(marker, std::vector<std::byte>(64))));
  marker.enqueue.wait_count = wire::wait_list_max + 1;
  CHECK(is_fault(rig.send(marker, std::vector<std::byte>((wire::wait_list_max + 1) * 8))));
}

TEST_CASE("data of a transfer outside the arena, or missing behind the command, is a fault") {
  Rig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer();
  auto write = rig.to<wire::BufferWrite>(queue, 1);
  write.buffer = buffer, write.bytes = 128, write.arena_at = arena_bytes - 64;
  CHECK(is_fault(rig.send(write)));
  write.arena_at = wire::no_offset;
  CHECK(is_fault(rig.send(write, std::vector<std::byte>(64))));
  write.bytes = wire::inline_write_bytes_max + 8;
  CHECK(is_fault(rig.send(write, std::vector<std::byte>(write.bytes))));
  auto read = rig.to<wire::BufferRead>(queue, 1);
  read.buffer = buffer, read.bytes = UINT64_MAX, read.arena_at = 64;
  CHECK(is_fault(rig.send(read)));
  auto fill = rig.to<wire::BufferFill>(queue, 1);
  fill.buffer = buffer, fill.bytes = 64, fill.pattern_bytes = 16;
  CHECK(is_fault(rig.send(fill, std::vector<std::byte>(8))));
  fill.pattern_bytes = 256;
  CHECK(is_fault(rig.send(fill, std::vector<std::byte>(256))));
  CHECK(rig.device.commands.empty());
}

TEST_CASE("malformed arguments of a launch are a fault") {
  Rig rig;
  const ObjectId queue = rig.queue(), kernel = rig.kernel();
  auto launch = rig.to<wire::KernelLaunch>(queue, 1);
  launch.kernel = kernel;
  const auto broken = [&](std::uint32_t count, std::vector<wire::KernelArgument> records) {
    launch.argument_count = count;
    return is_fault(rig.send(launch, std::as_bytes(std::span(records))));
  };
  CHECK(broken(1, {}));
  CHECK(broken(UINT32_MAX, {{wire::ArgumentValue::local, 8}}));
  CHECK(broken(1, {{wire::ArgumentValue::bytes, 16}, {}}));
  CHECK(broken(1, {{wire::ArgumentValue::bytes, UINT32_MAX}, {}}));
  CHECK(broken(1, {{wire::ArgumentValue::bytes, UINT32_MAX - 6}, {}}));
  CHECK(broken(1, {{wire::ArgumentValue::object, 4}, {}}));
  CHECK(broken(1, {{static_cast<wire::ArgumentValue>(9), 8}, {}}));
  CHECK(broken(1, {{wire::ArgumentValue::pointer, 4}, {}}));
  // A pointer record's place is read from the next 8 bytes: here, four gigabytes beyond the arena's end.
  CHECK(broken(1, {{wire::ArgumentValue::pointer, 8}, {wire::ArgumentValue::bytes, 1}}));
  CHECK(rig.device.commands.empty());
}

TEST_CASE("a build request outside the arena, or not whole, is a fault") {
  Rig rig;
  wire::ProgramBuild command;
  command.id = 9, command.call.reply_at = Rig::slots_at;
  command.request_at = arena_bytes - 4, command.request_bytes = 64;
  CHECK(is_fault(rig.send(command)));
  std::memset(rig.at(0), 0xff, 64);
  command.request_at = 0;
  CHECK(is_fault(rig.send(command)));
}

}  // namespace
}  // namespace sluice::worker
