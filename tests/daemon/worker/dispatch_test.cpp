// Hostile and wrong commands against a device that does nothing: a fault ends the session, a mistake ends the command.
#include "daemon/worker/dispatch.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <thread>

#include "fake_device.h"
#include "wire/shared_memory.h"

namespace sluice::worker {
namespace {

using test::FakeDevice;

constexpr std::uint64_t limit_bytes = 1 << 20;
constexpr std::uint64_t arena_bytes = 4 << 20;

// One session's worth of parts, and a shim's hand to write commands with.
class Rig {
 public:
  Rig() {
    REQUIRE(TenantMemory::initialise(tenant_page_.bytes(), limit_bytes).ok());
    device.set_sink(completions);
  }

  static constexpr std::uint64_t slots_at = 3 << 20;

  std::byte* at(std::uint64_t offset) { return arena_.data() + offset; }
  template <typename Slot>
  Slot& slot(std::uint64_t offset) {
    return *reinterpret_cast<Slot*>(at(offset));
  }
  std::uint64_t next_slot() { return slots_at + 64 * slots_++; }

  template <typename Command>
  Status send(Command command, std::span<const std::byte> trailing = {}) {
    auto& header = reinterpret_cast<wire::CommandHeader&>(command);
    header.op = Command::op;
    header.bytes = static_cast<std::uint32_t>(sizeof command + trailing.size());
    std::vector<std::byte> bytes(header.bytes);
    std::memcpy(bytes.data(), &command, sizeof command);
    if (!trailing.empty()) std::memcpy(bytes.data() + sizeof command, trailing.data(), trailing.size());
    return dispatcher.handle(bytes);
  }
  // A call; the outcome that its slot got, or nothing if it faulted.
  template <typename Command>
  std::optional<Outcome> call(Command command) {
    command.call.reply_at = next_slot();
    if (!send(command).ok()) return std::nullopt;
    const auto& reply = slot<wire::ReplySlot>(command.call.reply_at);
    while (reply.state.load() == 0) std::this_thread::yield();
    return static_cast<Outcome>(reply.outcome);
  }

  ObjectId buffer(std::uint64_t bytes = 4096) {
    wire::BufferCreate command;
    command.id = next_id++;
    command.bytes = bytes;
    command.arena_at = 0;
    REQUIRE(call(command) == Outcome::ok);
    return command.id;
  }
  ObjectId queue(bool out_of_order = false) {
    wire::QueueCreate command;
    command.id = next_id++;
    command.timeline_at = timeline_at = next_slot();
    command.out_of_order = out_of_order ? 1 : 0;
    REQUIRE(send(command).ok());
    return command.id;
  }
  ObjectId program() {
    wire::Encoder encoder;
    encode(encoder, wire::BuildRequest{});
    std::memcpy(at(1 << 20), encoder.bytes().data(), encoder.bytes().size());
    wire::ProgramBuild command;
    command.id = next_id++;
    command.request_at = 1 << 20;
    command.request_bytes = encoder.bytes().size();
    command.call.data_at = 2 << 20;
    command.call.data_bytes = 4096;
    REQUIRE(call(command) == Outcome::ok);
    return command.id;
  }
  ObjectId kernel() {
    wire::KernelCreate command;
    command.program = program();
    command.id = next_id++;
    REQUIRE(send(command).ok());
    return command.id;
  }
  template <typename Command>
  Command to(ObjectId queue, std::uint64_t sequence) {
    Command command;
    command.enqueue.queue = queue;
    command.enqueue.sequence = sequence;
    return command;
  }
  wire::TimelineSlot& timeline() { return slot<wire::TimelineSlot>(timeline_at); }

 private:
  wire::SharedMemory tenant_page_ = wire::SharedMemory::create("t", tenant_page_bytes).take();
  wire::SharedMemory control_ = wire::SharedMemory::create("c", wire::control_bytes).take();
  wire::SharedMemory arena_ = wire::SharedMemory::create("a", arena_bytes).take();
  std::uint64_t slots_ = 0;

 public:
  ObjectId next_id = 1;
  std::uint64_t timeline_at = 0;
  metering::MeterPage meter{};
  TenantMemory tenant{tenant_page_.bytes(), 3};
  MemoryBooks books{tenant, meter};
  Completions completions{*reinterpret_cast<wire::ControlPage*>(control_.data()), meter};
  FakeDevice device;
  Builder builder{device};
  Dispatcher dispatcher{device, wire::ArenaView(arena_.bytes()), books, completions, builder};
};

bool is_fault(const Status& status) { return status.code() == Code::protocol_fault; }

// ---- faults ----

TEST_CASE("a command that is not in the table is a fault") {
  Rig rig;
  for (const std::uint16_t op : {0, 13, 31, 48, 49, 1000, 65535}) {
    const wire::CommandHeader header{static_cast<wire::Op>(op), 0, sizeof header};
    CHECK(is_fault(rig.dispatcher.handle(std::as_bytes(std::span(&header, 1)))));
  }
}

TEST_CASE("every command is a fault at every length but its own") {
  Rig rig;
  for (std::uint16_t op = 1; op < 48; ++op) {
    for (const std::size_t bytes : {8u, 12u, 16u, 32u, 40u, 47u}) {
      std::vector<std::byte> command(bytes);
      const wire::CommandHeader header{static_cast<wire::Op>(op), 0, static_cast<std::uint32_t>(bytes)};
      std::memcpy(command.data(), &header, sizeof header);
      const Status status = rig.dispatcher.handle(command);
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
  CHECK(is_fault(rig.dispatcher.handle(std::as_bytes(std::span(&command, 1)))));
}

TEST_CASE("an answer outside the arena is a fault") {
  Rig rig;
  wire::BufferCreate command;
  command.id = 1, command.bytes = 64, command.arena_at = 0;
  for (const std::uint64_t at : {arena_bytes, arena_bytes - 8, wire::nowhere, UINT64_MAX - 63, std::uint64_t{8}}) {
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
  for (const std::uint64_t at : {arena_bytes, Rig::slots_at + 8, wire::nowhere, arena_bytes - 32}) {
    queue.timeline_at = at;
    CHECK(is_fault(rig.send(queue)));
  }
  const ObjectId id = rig.queue();
  auto marker = rig.to<wire::Marker>(id, 1);
  marker.enqueue.event_at = Rig::slots_at + 1;
  CHECK(is_fault(rig.send(marker)));
  CHECK(rig.device.commands.empty());
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
  write.arena_at = wire::nowhere;
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

// ---- mistakes ----

TEST_CASE("a command for a queue that is not there ends its event and nothing else") {
  Rig rig;
  auto marker = rig.to<wire::Marker>(77, 5);
  marker.enqueue.event = rig.next_id++;
  marker.enqueue.event_at = rig.next_slot();
  CHECK(rig.send(marker).ok());
  CHECK(rig.slot<wire::EventSlot>(marker.enqueue.event_at).stage == static_cast<int>(Outcome::invalid_object));
  CHECK(rig.device.commands.empty());
}

TEST_CASE("a wrong id completes its command with an error, in order") {
  Rig rig;
  const ObjectId queue = rig.queue();
  CHECK(rig.send(rig.to<wire::Marker>(queue, 1)).ok());
  auto read = rig.to<wire::BufferRead>(queue, 2);
  read.buffer = 1234, read.bytes = 64, read.arena_at = 0;
  read.enqueue.event_at = rig.next_slot();
  auto& event = rig.slot<wire::EventSlot>(read.enqueue.event_at);
  event.stage = static_cast<int>(wire::EventStage::queued);
  CHECK(rig.send(read).ok());
  CHECK(rig.timeline().completed == 0);
  CHECK(event.stage == static_cast<int>(wire::EventStage::queued));
  rig.device.complete(0);
  CHECK(rig.timeline().completed == 2);
  CHECK(event.stage == static_cast<int>(Outcome::invalid_object));
}

TEST_CASE("a range outside its buffer is a mistake, whatever the arithmetic") {
  Rig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer(4096);
  std::uint64_t sequence = 0;
  const auto outcome_of = [&](std::uint64_t offset, std::uint64_t bytes) {
    auto fill = rig.to<wire::BufferFill>(queue, ++sequence);
    fill.buffer = buffer, fill.offset = offset, fill.bytes = bytes, fill.pattern_bytes = 8;
    fill.enqueue.event_at = rig.next_slot();
    REQUIRE(rig.send(fill, std::vector<std::byte>(8)).ok());
    return static_cast<Outcome>(rig.slot<wire::EventSlot>(fill.enqueue.event_at).stage.load());
  };
  CHECK(outcome_of(4096, 8) == Outcome::invalid_value);
  CHECK(outcome_of(4088, 16) == Outcome::invalid_value);
  CHECK(outcome_of(UINT64_MAX - 7, 16) == Outcome::invalid_value);
  CHECK(outcome_of(8, UINT64_MAX - 7) == Outcome::invalid_value);
  CHECK(outcome_of(0, 0) == Outcome::invalid_value);
  CHECK(outcome_of(4, 8) == Outcome::invalid_value);
  CHECK(rig.device.commands.empty());
  CHECK(rig.timeline().completed == 6);
}

TEST_CASE("rows outside their buffer are a mistake, whatever the arithmetic") {
  Rig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer(4096);
  auto rect = rig.to<wire::BufferReadRect>(queue, 0);
  rect.buffer = buffer, rect.arena_at = 0;
  rect.region = {16, 4, 2}, rect.row_pitch = 64, rect.slice_pitch = 1024;
  const auto good = rect;
  const auto accepted = [&](const wire::BufferReadRect& command) {
    auto copy = command;
    copy.enqueue.sequence = ++rect.enqueue.sequence;
    const std::size_t before = rig.device.commands.size();
    REQUIRE(rig.send(copy).ok());
    return rig.device.commands.size() > before;
  };
  CHECK(accepted(good));
  const auto with = [&](auto change) {
    auto changed = good;
    change(changed);
    return accepted(changed);
  };
  CHECK(with([](auto& r) { r.origin = {48, 60, 0}, r.region = {16, 4, 1}; }));  // the very last row
  CHECK_FALSE(with([](auto& r) { r.origin = {49, 60, 0}, r.region = {16, 4, 1}; }));
  CHECK_FALSE(with([](auto& r) { r.origin.z = 3; }));
  CHECK_FALSE(with([](auto& r) { r.row_pitch = 8; }));
  CHECK_FALSE(with([](auto& r) { r.slice_pitch = 128; }));
  CHECK_FALSE(with([](auto& r) { r.slice_pitch = UINT64_MAX; }));
  CHECK_FALSE(with([](auto& r) { r.origin.y = UINT64_MAX; }));
  CHECK_FALSE(with([](auto& r) { r.region = {1, 0, 1}; }));
}

TEST_CASE("a box outside its image is a mistake") {
  Rig rig;
  const ObjectId queue = rig.queue();
  wire::ImageCreate create;
  create.id = rig.next_id++;
  create.width = 64, create.height = 32, create.kind = static_cast<std::uint32_t>(wire::ImageKind::d2);
  create.channel_order = 0x10B5, create.channel_type = 0x10D2, create.access = wire::device_reads;
  create.arena_at = 0;
  REQUIRE(rig.call(create) == Outcome::ok);
  CHECK(rig.meter.memory_bytes == 64 * 32 * 4);
  std::uint64_t sequence = 0;
  const auto accepted = [&](wire::Box origin, wire::Box region) {
    auto read = rig.to<wire::ImageRead>(queue, ++sequence);
    read.image = create.id, read.origin = origin, read.region = region, read.arena_at = 0;
    const std::size_t before = rig.device.commands.size();
    REQUIRE(rig.send(read).ok());
    return rig.device.commands.size() > before;
  };
  CHECK(accepted({0, 0, 0}, {64, 32, 1}));
  CHECK(accepted({63, 31, 0}, {1, 1, 1}));
  CHECK_FALSE(accepted({1, 0, 0}, {64, 32, 1}));
  CHECK_FALSE(accepted({0, 0, 1}, {1, 1, 1}));
  CHECK_FALSE(accepted({0, 0, 0}, {1, 1, 2}));
  CHECK_FALSE(accepted({UINT64_MAX, 0, 0}, {2, 1, 1}));
  CHECK_FALSE(accepted({0, 0, 0}, {0, 1, 1}));
}

TEST_CASE("an image that no device could make is refused before the device is asked") {
  Rig rig;
  wire::ImageCreate good;
  good.width = 8, good.height = 8, good.kind = static_cast<std::uint32_t>(wire::ImageKind::d2);
  good.channel_order = 0x10B5, good.channel_type = 0x10D2, good.access = wire::device_reads, good.arena_at = 0;
  const auto outcome_with = [&](auto change) {
    auto command = good;
    command.id = rig.next_id++;
    change(command);
    return rig.call(command);
  };
  CHECK(outcome_with([](auto&) {}) == Outcome::ok);
  CHECK(outcome_with([](auto& c) { c.kind = 17; }) == Outcome::invalid_image_size);
  CHECK(outcome_with([](auto& c) { c.width = 0; }) == Outcome::invalid_image_size);
  CHECK(outcome_with([](auto& c) { c.width = UINT64_MAX; }) == Outcome::invalid_image_size);
  CHECK(outcome_with([](auto& c) { c.row_pitch = 4; }) == Outcome::invalid_image_size);
  CHECK(outcome_with([](auto& c) { c.slice_pitch = 4; }) == Outcome::invalid_image_size);
  CHECK(outcome_with([](auto& c) { c.channel_type = 0x10D8; }) == Outcome::image_format_unsupported);
  CHECK(outcome_with([](auto& c) { c.kind = static_cast<std::uint32_t>(wire::ImageKind::d3); }) ==
        Outcome::image_format_unsupported);
  CHECK(outcome_with([](auto& c) { c.arena_at = wire::nowhere; }) == Outcome::invalid_value);
  CHECK(outcome_with([](auto& c) { c.arena_at = arena_bytes - 64; }) == Outcome::invalid_value);
  CHECK(outcome_with([](auto& c) { c.buffer = 5555; }) == Outcome::invalid_object);
  CHECK(outcome_with([](auto& c) { c.height = 1 << 20; }) == Outcome::invalid_value);
  CHECK(outcome_with([](auto& c) { c.bytes = limit_bytes + 1; }) == Outcome::quota_exceeded);
}

TEST_CASE("what could not be made fails whatever uses it, with the reason") {
  Rig rig;
  rig.device.answer = Outcome::out_of_resources;
  const ObjectId queue = rig.queue();
  rig.device.answer = Outcome::ok;
  auto marker = rig.to<wire::Marker>(queue, 1);
  CHECK(rig.send(marker).ok());
  CHECK(rig.timeline().completed == 1);
  CHECK(rig.timeline().first_error == static_cast<int>(Outcome::out_of_resources));
}

TEST_CASE("waiting for an event that was never submitted fails, waiting for one that is not there too") {
  Rig rig;
  const ObjectId queue = rig.queue();
  auto read = rig.to<wire::BufferRead>(queue, 1);
  read.buffer = 999, read.bytes = 8, read.arena_at = 0;
  read.enqueue.event = rig.next_id++;
  CHECK(rig.send(read).ok());
  const auto outcome_of_waiting_for = [&](ObjectId id, std::uint64_t sequence) {
    auto marker = rig.to<wire::Marker>(queue, sequence);
    marker.enqueue.event_at = rig.next_slot();
    marker.enqueue.wait_count = 1;
    REQUIRE(rig.send(marker, std::as_bytes(std::span(&id, 1))).ok());
    return static_cast<Outcome>(rig.slot<wire::EventSlot>(marker.enqueue.event_at).stage.load());
  };
  CHECK(outcome_of_waiting_for(read.enqueue.event, 2) == Outcome::wait_list_failed);
  CHECK(outcome_of_waiting_for(12345, 3) == Outcome::invalid_object);
  CHECK(outcome_of_waiting_for(queue, 4) == Outcome::invalid_object);
}

// ---- what must work ----

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
  CHECK(rig.dispatcher.objects().size() == 1);
}

TEST_CASE("data that came with a write is kept until the write has ended") {
  Rig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer();
  auto write = rig.to<wire::BufferWrite>(queue, 1);
  write.buffer = buffer, write.bytes = 5, write.arena_at = wire::nowhere;
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
  CHECK(rig.tenant.held_by_session() == limit_bytes);
  rig.device.complete(0);
  CHECK(rig.tenant.held_by_session() == 100);
  CHECK(rig.meter.memory_bytes == 100);
  CHECK(rig.meter.memory_peak_bytes == limit_bytes);
}

TEST_CASE("a driver's refusal gives the charge back") {
  Rig rig;
  rig.device.answer = Outcome::out_of_device_memory;
  wire::BufferCreate command;
  command.id = rig.next_id++, command.bytes = 4096, command.arena_at = 0;
  CHECK(rig.call(command) == Outcome::out_of_device_memory);
  CHECK(rig.tenant.held_by_session() == 0);
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
  CHECK(rig.tenant.held_by_session() == 4096);
  release.id = part.id;
  CHECK(rig.send(release).ok());
  CHECK(rig.tenant.held_by_session() == 0);
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
  launch.kernel = kernel, launch.argument_count = 4;
  std::vector<std::uint64_t> data{
      8ull << 32 | 2,   buffer,      // object
      8ull << 32 | 2,   0,           // a null buffer
      3ull << 32 | 1,   0x00636261,  // "abc"
      512ull << 32 | 3,              // local
  };
  CHECK(rig.send(launch, std::as_bytes(std::span(data))).ok());
  REQUIRE(rig.device.launched_with.size() == 4);
  CHECK(rig.device.launched_with[0].memory != nullptr);
  CHECK(rig.device.launched_with[1].memory == nullptr);
  CHECK(rig.device.launched_with[2].bytes.size() == 3);
  CHECK(rig.device.launched_with[3].local_bytes == 512);
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

TEST_CASE("queues are flushed before the dispatcher rests and every so many commands") {
  Rig rig;
  const ObjectId queue = rig.queue();
  for (std::uint64_t i = 1; i <= 200; ++i) CHECK(rig.send(rig.to<wire::Marker>(queue, i)).ok());
  CHECK(rig.device.flushes == 3);
  rig.dispatcher.flush();
  rig.dispatcher.flush();
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
  rig.dispatcher.flush();
}

}  // namespace
}  // namespace sluice::worker
