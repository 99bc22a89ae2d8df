// What a program can get wrong ends that command with an outcome, in its place, and nothing else.
#include "command_rig.h"

namespace sluice::worker {
namespace {

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
  CHECK(outcome_with([](auto& c) { c.arena_at = wire::no_offset; }) == Outcome::invalid_value);
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

}  // namespace
}  // namespace sluice::worker
