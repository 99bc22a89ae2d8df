// The reader against a writer that keeps none of the rules.
#include <catch2/catch.hpp>
#include <thread>

#include "tests/wire/ring_rig.h"

namespace sluice::wire {
namespace {

class Hostile {
 public:
  // Announces `waiting` bytes whose first command claims to be `claimed` long.
  Code announce(std::uint64_t waiting, std::uint32_t claimed) {
    CommandHeader header;
    header.op = Op::marker;
    header.bytes = claimed;
    std::memcpy(memory_.ring(), &header, sizeof header);
    memory_.page().written.store(waiting);
    const auto command = reader_->next();
    if (command.ok()) last_bytes_ = command.value().size();
    return command.status().code();
  }
  std::size_t last_bytes() const { return last_bytes_; }
  ControlMemory& memory() { return memory_; }
  RingReader& reader() { return *reader_; }

 private:
  ControlMemory memory_;
  std::unique_ptr<RingReader> reader_ = std::make_unique<RingReader>(memory_.bytes(), Doorbell());
  std::size_t last_bytes_ = 0;
};

TEST_CASE("an impossible write position ends the session") {
  for (const std::uint64_t written :
       {std::uint64_t{1}, std::uint64_t{4}, std::uint64_t{7}, std::uint64_t{12}, ring_bytes + 8, ring_bytes + 1,
        std::uint64_t{1} << 32, std::uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7}) {
    INFO(written);
    CHECK(Hostile().announce(written, 8) == Code::protocol_fault);
  }
}

TEST_CASE("a write position that moves back ends the session") {
  Hostile hostile;
  REQUIRE(hostile.announce(64, 64) == Code::ok);
  hostile.memory().page().written.store(56);
  CHECK(hostile.reader().ready());
  CHECK(hostile.reader().next().status().code() == Code::protocol_fault);
}

TEST_CASE("an impossible command length ends the session") {
  for (const std::uint32_t claimed :
       {0u, 1u, 4u, 7u, 9u, 12u, command_bytes_max + 8, 0x7FFFFFF8u, 0xFFFFFFF8u, 0xFFFFFFFFu}) {
    INFO(claimed);
    CHECK(Hostile().announce(ring_bytes, claimed) == Code::protocol_fault);
  }
  CHECK(Hostile().announce(64, 72) == Code::protocol_fault);  // longer than what was announced
}

TEST_CASE("lengths at the very limits are accepted") {
  Hostile smallest;
  CHECK(smallest.announce(8, 8) == Code::ok);
  CHECK(smallest.last_bytes() == 8);
  Hostile largest;
  CHECK(largest.announce(ring_bytes, command_bytes_max) == Code::ok);
  CHECK(largest.last_bytes() == command_bytes_max);
}

TEST_CASE("a fault is not forgotten by asking again") {
  Hostile hostile;
  REQUIRE(hostile.announce(64, 4) == Code::protocol_fault);
  for (int i = 0; i < 3; ++i) CHECK(hostile.reader().next().status().code() == Code::protocol_fault);
}

TEST_CASE("the reader's own position cannot be moved through shared memory") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  REQUIRE(writer.post(stamped_command(1, 0, 64)));
  REQUIRE(writer.post(stamped_command(1, 1, 64)));
  REQUIRE(checked_stamp(reader->next().value()).number == 0);
  memory.page().read.store(0);
  CHECK(checked_stamp(reader->next().value()).number == 1);
  CHECK_FALSE(reader->ready());
}

TEST_CASE("a command does not change after it was handed out") {
  Hostile hostile;
  const auto good = stamped_command(1, 1, 64);
  std::memcpy(hostile.memory().ring(), good.data(), good.size());
  hostile.memory().page().written.store(good.size());
  const auto command = hostile.reader().next();
  REQUIRE(command.ok());
  std::memset(hostile.memory().ring(), 0xFF, ring_bytes);
  CHECK(checked_stamp(command.value()).sender == 1);
}

TEST_CASE("wild flags of the sleeping protocol cannot make the reader miss what is there") {
  for (const std::uint32_t flag : {0u, 1u, 2u, 0xFFFFFFFFu}) {
    Hostile hostile;
    hostile.memory().page().reader_sleeps.store(flag);
    hostile.memory().page().writer_sleeps.store(flag);
    REQUIRE(hostile.announce(8, 8) == Code::ok);
    hostile.memory().page().written.store(16);
    hostile.reader().wait();  // would hang
    CHECK(hostile.reader().ready());
  }
}

TEST_CASE("no content of the shared memory makes the reader step outside it") {
  std::mt19937 random(31337);
  for (int round = 0; round < 2'000; ++round) {
    Hostile hostile;
    auto* words = reinterpret_cast<std::uint32_t*>(hostile.memory().ring());
    for (int i = 0; i < 64; ++i) words[i] = random() % 3 == 0 ? random() : (random() % 16) * 8;
    std::uint64_t written = 0;
    for (int step = 0; step < 40; ++step) {
      written += random() % 8 == 0 ? random() : (random() % 12) * 8;
      hostile.memory().page().written.store(written);
      const auto command = hostile.reader().next();
      if (!command.ok()) break;
      REQUIRE(command.value().size() <= command_bytes_max);
      REQUIRE(command.value().size() % 8 == 0);
    }
  }
}

TEST_CASE("a length that changes while it is read is taken once") {
  const ControlMemory memory;
  auto* length = reinterpret_cast<volatile std::uint32_t*>(memory.ring() + offsetof(CommandHeader, bytes));
  *length = 8;
  memory.page().written.store(16);
  std::atomic<bool> stop{false};
  std::thread scribbler([&] {
    while (!stop.load(std::memory_order_relaxed)) *length = *length ^ (8 ^ 16);
  });
  int mixed = 0, lengths[3] = {};
  const Nanoseconds deadline = now_ns() + 20 * ns_per_s;
  while ((lengths[1] < 10'000 || lengths[2] < 10'000) && now_ns() < deadline) {
    auto reader = memory.make_reader();
    const auto command = reader->next();
    if (!command.ok()) break;
    CommandHeader header;
    std::memcpy(&header, command.value().data(), sizeof header);
    mixed += header.bytes != command.value().size();
    ++lengths[command.value().size() / 8];
  }
  stop.store(true);
  scribbler.join();
  CHECK(mixed == 0);
  CHECK(lengths[1] > 0);
  CHECK(lengths[2] > 0);
}

}  // namespace
}  // namespace sluice::wire
