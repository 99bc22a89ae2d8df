#include "daemon/worker/command.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

namespace sluice::worker {
namespace {

template <typename Fixed>
Command command_of(const Fixed& fixed) {
  Command command;
  command.body = fixed;
  return command;
}

template <typename Fixed>
Fixed enqueued() {
  Fixed fixed;
  fixed.enqueue.queue = 100;
  fixed.enqueue.event = 101;
  return fixed;
}

TEST_CASE("a command knows its number, and its queue if it has one") {
  CHECK(command_of(wire::SamplerCreate{}).op() == wire::Op::sampler_create);
  CHECK(enqueue_header(command_of(wire::SamplerCreate{})) == nullptr);
  const Command marker = command_of(enqueued<wire::Marker>());
  CHECK(marker.op() == wire::Op::marker);
  REQUIRE(enqueue_header(marker) != nullptr);
  CHECK(enqueue_header(marker)->queue == 100);
}

TEST_CASE("an enqueued command needs its queue, its event, what it waits for, and no other number in it") {
  auto read = enqueued<wire::BufferRead>();
  read.buffer = 7, read.bytes = 8, read.src_offset = 9, read.arena_at = 10, read.enqueue.sequence = 11;
  read.enqueue.event_at = 12, read.enqueue.wait_count = 1;
  Command command = command_of(read);
  const std::array<ObjectId, 1> waits{102};
  command.waits = waits;
  for (const ObjectId needed : {7, 100, 101, 102}) CHECK(refers_to(command, needed));
  for (const ObjectId other : {1, 8, 9, 10, 11, 12}) CHECK_FALSE(refers_to(command, other));
}

TEST_CASE("every enqueued command needs its operands") {
  const auto needs = [](const auto& fixed, std::initializer_list<ObjectId> operands) {
    for (const ObjectId id : operands) CHECK(refers_to(command_of(fixed), id));
    CHECK_FALSE(refers_to(command_of(fixed), 3));
  };
  const auto with_pair = [&](auto fixed) {
    fixed.src = 1, fixed.dst = 2;
    needs(fixed, {1, 2, 100, 101});
  };
  const auto with_buffer = [&](auto fixed) {
    fixed.buffer = 1;
    needs(fixed, {1, 100, 101});
  };
  const auto with_image = [&](auto fixed) {
    fixed.image = 1;
    needs(fixed, {1, 100, 101});
  };
  const auto with_both = [&](auto fixed) {
    fixed.image = 1, fixed.buffer = 2;
    needs(fixed, {1, 2, 100, 101});
  };
  with_pair(enqueued<wire::BufferCopy>());
  with_pair(enqueued<wire::BufferCopyRect>());
  with_pair(enqueued<wire::ImageCopy>());
  with_buffer(enqueued<wire::BufferWrite>());
  with_buffer(enqueued<wire::BufferRead>());
  with_buffer(enqueued<wire::BufferFill>());
  with_buffer(enqueued<wire::BufferWriteRect>());
  with_buffer(enqueued<wire::BufferReadRect>());
  with_image(enqueued<wire::ImageWrite>());
  with_image(enqueued<wire::ImageRead>());
  with_image(enqueued<wire::ImageFill>());
  with_both(enqueued<wire::ImageToBuffer>());
  with_both(enqueued<wire::BufferToImage>());
}

TEST_CASE("a launch needs its kernel and the objects among its arguments, not its values") {
  auto launch = enqueued<wire::KernelLaunch>();
  launch.kernel = 5, launch.argument_count = 3;
  Command command = command_of(launch);
  const std::array<LaunchArgument, 3> arguments{{{wire::ArgumentValue::object, 8, 50},
                                                 {wire::ArgumentValue::bytes, 8, 60},
                                                 {wire::ArgumentValue::pointer, 8, 70}}};
  command.arguments = arguments;
  CHECK(refers_to(command, 5));
  CHECK(refers_to(command, 50));
  CHECK_FALSE(refers_to(command, 60));
  CHECK_FALSE(refers_to(command, 70));
}

TEST_CASE("a creation needs what it is made from") {
  wire::SubBufferCreate part;
  part.id = 9, part.parent = 1;
  CHECK(refers_to(command_of(part), 1));
  wire::KernelCreate kernel;
  kernel.id = 9, kernel.program = 2;
  CHECK(refers_to(command_of(kernel), 2));
  wire::ImageCreate image;
  image.id = 9, image.buffer = 3;
  CHECK(refers_to(command_of(image), 3));
}

TEST_CASE("a kept command has all that trails it, whatever becomes of what it was made from") {
  std::vector<ObjectId> waits{1, 2, 3};
  std::vector<LaunchArgument> arguments{{wire::ArgumentValue::bytes, 5, 8}, {wire::ArgumentValue::local, 64, 0}};
  std::vector<std::byte> data(21, std::byte{7});
  Command command = command_of(enqueued<wire::KernelLaunch>());
  command.waits = waits, command.arguments = arguments, command.data = data;
  CHECK(KeptCommand::trailing_bytes(command) == 3 * 8 + 2 * 16 + 21);
  KeptCommand first(command);
  waits.assign(3, 0), arguments.assign(2, {}), data.assign(21, std::byte{0});
  const KeptCommand kept = std::move(first);
  CHECK(kept.get().op() == wire::Op::kernel_launch);
  REQUIRE(kept.get().waits.size() == 3);
  CHECK(kept.get().waits[2] == 3);
  REQUIRE(kept.get().arguments.size() == 2);
  CHECK(kept.get().arguments[1].bytes == 64);
  REQUIRE(kept.get().data.size() == 21);
  CHECK(kept.get().data[20] == std::byte{7});
}

TEST_CASE("keeping a command that nothing trails takes no memory beside its record") {
  const Command command = command_of(enqueued<wire::Barrier>());
  CHECK(KeptCommand::trailing_bytes(command) == 0);
  CHECK(KeptCommand(command).get().waits.empty());
}

}  // namespace
}  // namespace sluice::worker
