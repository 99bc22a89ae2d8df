// Bytes into commands: what is taken, and what is refused before anything is looked up.
#include "daemon/worker/decoder.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

namespace sluice::worker {
namespace {

constexpr std::uint64_t arena_bytes = 64 * 1024;
constexpr std::size_t commands = std::variant_size_v<CommandBody>;

struct DecoderRig {
  alignas(64) inline static std::byte arena[arena_bytes];
  CommandDecoder decoder{wire::ArenaView(std::span(arena))};
  Command command;

  template <typename Fixed>
  std::vector<std::byte> bytes_of(Fixed fixed, std::span<const std::byte> trailing = {}) {
    const wire::CommandHeader header{Fixed::op, 0, static_cast<std::uint32_t>(sizeof fixed + trailing.size())};
    std::memcpy(static_cast<void*>(&fixed), &header, sizeof header);
    std::vector<std::byte> bytes(sizeof fixed);
    std::memcpy(bytes.data(), &fixed, sizeof fixed);
    bytes.insert(bytes.end(), trailing.begin(), trailing.end());
    return bytes;
  }
  template <typename Fixed>
  bool takes(const Fixed& fixed, std::span<const std::byte> trailing = {}) {
    const auto bytes = bytes_of(fixed, trailing);
    return takes_bytes(bytes);
  }
  bool takes_bytes(std::span<const std::byte> bytes) {
    const Status status = decoder.decode(bytes, command);
    REQUIRE((status.ok() || (status.code() == Code::protocol_fault && !status.message().empty())));
    return status.ok();
  }
};

// Of each kind, one that is as it should be.
template <typename Fixed>
Fixed good() {
  Fixed fixed;
  if constexpr (requires { fixed.call; }) fixed.call.reply_at = 64;
  return fixed;
}

template <typename Check>
void for_each_command(Check check) {
  [&]<std::size_t... At>(std::index_sequence<At...>) {
    (check(good<std::variant_alternative_t<At, CommandBody>>()), ...);
  }
  (std::make_index_sequence<commands>());
}

TEST_CASE("each command is decoded as what it is, with its own fields") {
  DecoderRig rig;
  for_each_command([&](auto fixed) {
    using Fixed = decltype(fixed);
    INFO("command " << static_cast<int>(Fixed::op));
    REQUIRE(rig.takes(fixed));
    CHECK(rig.command.op() == Fixed::op);
    CHECK(std::holds_alternative<Fixed>(rig.command.body));
    CHECK((rig.command.waits.empty() && rig.command.arguments.empty() && rig.command.data.empty()));
  });
}

TEST_CASE("each command is refused at every length below its own") {
  DecoderRig rig;
  for_each_command([&](auto fixed) {
    INFO("command " << static_cast<int>(decltype(fixed)::op));
    auto bytes = rig.bytes_of(fixed);
    while (bytes.size() > sizeof(wire::CommandHeader)) {
      bytes.resize(bytes.size() - 4);
      const auto length = static_cast<std::uint32_t>(bytes.size());
      std::memcpy(bytes.data() + 4, &length, sizeof length);
      REQUIRE_FALSE(rig.takes_bytes(bytes));
    }
  });
}

TEST_CASE("what nothing may trail is refused if something does") {
  DecoderRig rig;
  const std::vector<std::byte> more(8);
  for_each_command([&](auto fixed) {
    INFO("command " << static_cast<int>(decltype(fixed)::op));
    CHECK(rig.takes(fixed, more) == wire::is_enqueued(decltype(fixed)::op));
  });
}

TEST_CASE("a header whose length is not the command's is refused, and so is a command that is not there") {
  DecoderRig rig;
  auto bytes = rig.bytes_of(wire::Marker{});
  bytes.resize(bytes.size() + 8);
  CHECK_FALSE(rig.takes_bytes(bytes));
  CHECK_FALSE(rig.takes_bytes({}));
  CHECK_FALSE(rig.takes_bytes(std::span(bytes).first(7)));
}

TEST_CASE("a number that is no command's is refused") {
  DecoderRig rig;
  for (const std::uint16_t op : {0, 13, 31, 48, 49, 1000, 65535}) {
    const wire::CommandHeader header{static_cast<wire::Op>(op), 0, sizeof header};
    CHECK_FALSE(rig.takes_bytes(std::as_bytes(std::span(&header, 1))));
  }
}

TEST_CASE("the events that a command waits for are copied, as many as it says") {
  DecoderRig rig;
  for_each_command([&](auto fixed) {
    if constexpr (requires { fixed.enqueue; }) {
      INFO("command " << static_cast<int>(decltype(fixed)::op));
      std::vector<ObjectId> waits{5, 6, 7};
      fixed.enqueue.wait_count = 3;
      auto bytes = rig.bytes_of(fixed, std::as_bytes(std::span(waits)));
      REQUIRE(rig.takes_bytes(bytes));
      std::fill(bytes.begin(), bytes.end(), std::byte{0});
      REQUIRE(rig.command.waits.size() == 3);
      CHECK(rig.command.waits[2] == 7);
      fixed.enqueue.wait_count = 4;
      CHECK_FALSE(rig.takes(fixed, std::as_bytes(std::span(waits))));
      fixed.enqueue.wait_count = UINT32_MAX;
      CHECK_FALSE(rig.takes(fixed, std::as_bytes(std::span(waits))));
    }
  });
}

TEST_CASE("a command waits for no more events than the protocol allows") {
  DecoderRig rig;
  wire::Marker marker;
  const std::vector<std::byte> waits((wire::wait_list_max + 1) * sizeof(ObjectId));
  marker.enqueue.wait_count = wire::wait_list_max;
  CHECK(rig.takes(marker, waits));
  CHECK(rig.command.waits.size() == wire::wait_list_max);
  marker.enqueue.wait_count = wire::wait_list_max + 1;
  CHECK_FALSE(rig.takes(marker, waits));
}

TEST_CASE("slots of the arena must lie inside it, on their boundary") {
  DecoderRig rig;
  for (const std::uint64_t at : {arena_bytes, arena_bytes - 32, std::uint64_t{8}, UINT64_MAX - 63}) {
    wire::Marker marker;
    marker.enqueue.event_at = at;
    CHECK_FALSE(rig.takes(marker));
    wire::QueueCreate queue;
    queue.timeline_at = at;
    CHECK_FALSE(rig.takes(queue));
    for_each_command([&](auto fixed) {
      if constexpr (requires { fixed.call; }) {
        fixed.call.reply_at = at;
        CHECK_FALSE(rig.takes(fixed));
        fixed = good<decltype(fixed)>();
        fixed.call.data_at = arena_bytes - 8, fixed.call.data_bytes = 16;
        CHECK_FALSE(rig.takes(fixed));
      }
    });
  }
}

TEST_CASE("data of the arena must lie inside it") {
  DecoderRig rig;
  const auto at_end = [&](auto fixed) {
    fixed.bytes = 64, fixed.arena_at = arena_bytes - 64;
    CHECK(rig.takes(fixed));
    fixed.bytes = 65;
    CHECK_FALSE(rig.takes(fixed));
    fixed.bytes = UINT64_MAX;
    CHECK_FALSE(rig.takes(fixed));
  };
  at_end(good<wire::BufferCreate>());
  at_end(wire::BufferWrite{});
  at_end(wire::BufferRead{});
  const auto rows_at_end = [&](auto fixed) {
    fixed.region = {16, 2, 2}, fixed.arena_at = arena_bytes - 64;
    CHECK(rig.takes(fixed));
    fixed.region.x = 17;
    CHECK_FALSE(rig.takes(fixed));
  };
  rows_at_end(wire::BufferWriteRect{});
  rows_at_end(wire::BufferReadRect{});
  auto build = good<wire::ProgramBuild>();
  build.request_at = arena_bytes - 8, build.request_bytes = 9;
  CHECK_FALSE(rig.takes(build));
}

TEST_CASE("the data of a write or a fill is what it says, and must be there") {
  DecoderRig rig;
  const std::vector<std::byte> trailing(16, std::byte{9});
  wire::BufferWrite write;
  write.arena_at = wire::no_offset, write.bytes = 13;
  auto bytes = rig.bytes_of(write, trailing);
  REQUIRE(rig.takes_bytes(bytes));
  CHECK(rig.command.data.size() == 13);
  write.bytes = 17;
  CHECK_FALSE(rig.takes(write, trailing));
  write.bytes = wire::inline_write_bytes_max + 1;
  CHECK_FALSE(rig.takes(write, std::vector<std::byte>(wire::inline_write_bytes_max + 8)));
  wire::BufferFill fill;
  fill.pattern_bytes = 16;
  CHECK(rig.takes(fill, trailing));
  CHECK(rig.command.data.size() == 16);
  fill.pattern_bytes = 17;
  CHECK_FALSE(rig.takes(fill, trailing));
  fill.pattern_bytes = wire::fill_pattern_bytes_max + 1;
  CHECK_FALSE(rig.takes(fill, std::vector<std::byte>(256)));
}

using Records = std::vector<std::uint64_t>;

std::uint64_t record(wire::ArgumentValue kind, std::uint32_t bytes) {
  return std::uint64_t{bytes} << 32 | static_cast<std::uint32_t>(kind);
}

TEST_CASE("arguments of a launch are decoded by kind, and their data stays where it came") {
  using enum wire::ArgumentValue;
  DecoderRig rig;
  wire::KernelLaunch launch;
  launch.argument_count = 4;
  const Records records{
      record(object, 8), 42, record(bytes, 3), 0x00636261, record(local, 512), record(pointer, 8), 4096, 0xdead};
  const auto all = rig.bytes_of(launch, std::as_bytes(std::span(records)));
  REQUIRE(rig.takes_bytes(all));
  const auto arguments = rig.command.arguments;
  REQUIRE(arguments.size() == 4);
  CHECK((arguments[0].kind == object && arguments[0].value == 42));
  CHECK((arguments[1].kind == bytes && arguments[1].bytes == 3));
  CHECK(std::memcmp(rig.command.data.data() + arguments[1].value, "abc", 3) == 0);
  CHECK((arguments[2].kind == local && arguments[2].bytes == 512));
  CHECK((arguments[3].kind == pointer && arguments[3].value == 4096));
  CHECK(rig.command.data.size() == 7 * 8);  // what nobody asked for is left out
}

TEST_CASE("an argument of a launch that is cut short, of no kind, or points outside is refused") {
  using enum wire::ArgumentValue;
  DecoderRig rig;
  const auto takes = [&](std::uint32_t count, const Records& records) {
    wire::KernelLaunch launch;
    launch.argument_count = count;
    return rig.takes(launch, std::as_bytes(std::span(records)));
  };
  CHECK(takes(1, {record(bytes, 8), 0}));
  CHECK_FALSE(takes(1, {}));
  CHECK_FALSE(takes(UINT32_MAX, {record(local, 8)}));
  CHECK_FALSE(takes(3, {record(bytes, 8), 0, record(local, 8)}));
  CHECK_FALSE(takes(1, {record(bytes, 9), 0}));
  CHECK_FALSE(takes(1, {record(bytes, UINT32_MAX), 0}));
  CHECK_FALSE(takes(1, {record(bytes, UINT32_MAX - 6), 0}));
  CHECK_FALSE(takes(1, {record(object, 4), 0}));
  CHECK_FALSE(takes(1, {record(static_cast<wire::ArgumentValue>(0), 8), 0}));
  CHECK_FALSE(takes(1, {record(static_cast<wire::ArgumentValue>(9), 8), 0}));
  CHECK_FALSE(takes(1, {record(pointer, 4), 0}));
  CHECK_FALSE(takes(1, {record(pointer, 16), 0, 0}));
  CHECK_FALSE(takes(1, {record(pointer, 8), arena_bytes + 1}));
  CHECK(takes(1, {record(pointer, 8), arena_bytes}));
}

TEST_CASE("a command has nothing of the one before it") {
  DecoderRig rig;
  wire::KernelLaunch launch;
  launch.argument_count = 1, launch.enqueue.wait_count = 1;
  const Records trailing{7, record(wire::ArgumentValue::bytes, 8), 1};
  const auto bytes = rig.bytes_of(launch, std::as_bytes(std::span(trailing)));
  REQUIRE(rig.takes_bytes(bytes));
  REQUIRE(rig.takes(good<wire::SamplerCreate>()));
  CHECK((rig.command.waits.empty() && rig.command.arguments.empty() && rig.command.data.empty()));
}

}  // namespace
}  // namespace sluice::worker
