#include "wire/ring.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/wire/ring_rig.h"
#include "wire/transport/shared_memory.h"

namespace sluice::wire {
namespace {

// The next command, waiting for it. Empty after a fault.
std::span<const std::byte> wait_next(RingReader& reader) {
  for (;;) {
    auto command = reader.next();
    if (!command.ok()) return {};
    if (!command.value().empty()) return command.value();
    reader.wait();
  }
}

TEST_CASE("a fresh ring is empty and ready() says so") {
  const ControlMemory memory;
  auto reader = memory.make_reader();
  CHECK_FALSE(reader->ready());
  const auto command = reader->next();
  REQUIRE(command.ok());
  CHECK(command.value().empty());
}

TEST_CASE("the parts of a command arrive joined") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  const auto whole = stamped_command(3, 4, 96);
  REQUIRE(writer.post(std::span(whole).first(8), std::span(whole).subspan(8, 40), std::span(whole).subspan(48)));
  CHECK(reader->ready());
  const auto command = reader->next();
  REQUIRE(command.ok());
  CHECK(std::equal(whole.begin(), whole.end(), command.value().begin(), command.value().end()));
  CHECK_FALSE(reader->ready());
}

TEST_CASE("commands of every size survive the end of the ring, in order") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  std::mt19937 random(5);
  std::uint64_t sent = 0, received = 0, bytes = 0;
  while (bytes < 16 * ring_bytes) {
    for (int burst = static_cast<int>(random() % 12); burst >= 0; --burst) {
      const auto command = stamped_command(1, sent++, random() % 4 == 0 ? random() % 60'000 : random() % 200);
      bytes += command.size();
      REQUIRE(writer.post(command));
    }
    while (reader->ready()) {
      const auto command = reader->next();
      REQUIRE(command.ok());
      const Stamp stamp = checked_stamp(command.value());
      REQUIRE(stamp.sender == 1);
      REQUIRE(stamp.number == received++);
    }
  }
  CHECK(sent == received);
}

TEST_CASE("the largest command passes, and a ring can be filled to its last byte") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  const auto largest = stamped_command(1, 1, command_bytes_max - sizeof(Stamp));
  REQUIRE(largest.size() == command_bytes_max);
  for (std::size_t i = 0; i < ring_bytes / command_bytes_max; ++i) REQUIRE(writer.post(largest));
  CHECK(memory.page().written.load() == ring_bytes);
  for (std::size_t i = 0; i < ring_bytes / command_bytes_max; ++i) {
    const auto command = reader->next();
    REQUIRE(command.ok());
    REQUIRE(checked_stamp(command.value()).sender == 1);
  }
  CHECK_FALSE(reader->ready());
}

TEST_CASE("a post to a full ring waits until the reader has made room") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  const auto largest = stamped_command(1, 1, command_bytes_max - sizeof(Stamp));
  for (std::size_t i = 0; i < ring_bytes / command_bytes_max; ++i) REQUIRE(writer.post(largest));
  std::atomic<bool> posted{false};
  std::thread blocked([&] {
    const bool accepted = writer.post(stamped_command(2, 2, 0));
    posted.store(accepted);
  });
  ::usleep(20'000);
  CHECK_FALSE(posted.load());
  REQUIRE(reader->next().ok());
  blocked.join();
  CHECK(posted.load());
}

TEST_CASE("stop() releases every blocked post, and nothing is written afterwards") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  const auto largest = stamped_command(1, 1, command_bytes_max - sizeof(Stamp));
  for (std::size_t i = 0; i < ring_bytes / command_bytes_max; ++i) REQUIRE(writer.post(largest));
  std::atomic<int> refused{0};
  std::vector<std::thread> blocked;
  for (int i = 0; i < 4; ++i) blocked.emplace_back([&] { refused += writer.post(largest) ? 0 : 1; });
  ::usleep(5'000);
  writer.stop();
  for (std::thread& thread : blocked) thread.join();
  CHECK(refused == 4);
  CHECK_FALSE(writer.post(stamped_command(1, 2, 0)));
  CHECK(memory.page().written.load() == ring_bytes);
}

TEST_CASE("stop() is not missed by a post that is just about to sleep") {
  const ControlMemory memory;
  const auto largest = stamped_command(1, 1, command_bytes_max - sizeof(Stamp));
  for (int round = 0; round < 300; ++round) {
    memory.page().written = 0;
    RingWriter writer = memory.make_writer();
    for (std::size_t i = 0; i < ring_bytes / command_bytes_max; ++i) REQUIRE(writer.post(largest));
    bool posted = true;
    std::thread blocked([&] { posted = writer.post(largest); });
    const Nanoseconds until = now_ns() + static_cast<Nanoseconds>(round % 100) * ns_per_us;
    while (now_ns() < until) std::this_thread::yield();
    writer.stop();
    blocked.join();
    REQUIRE_FALSE(posted);
  }
}

TEST_CASE("wake() ends the reader's wait, also when it comes first") {
  const ControlMemory memory;
  auto reader = memory.make_reader();
  reader->wake();
  reader->wait();  // would hang
  for (int round = 0; round < 500; ++round) {
    std::atomic<bool> stop{false};
    std::thread waker([&] {
      const Nanoseconds until = now_ns() + static_cast<Nanoseconds>(round % 100) * ns_per_us;
      while (now_ns() < until) std::this_thread::yield();
      stop.store(true);
      reader->wake();
    });
    while (!stop.load()) reader->wait();
    waker.join();
  }
  CHECK_FALSE(reader->ready());
}

// A reader that holds commands back, on a thread of its own. It reads nothing.
struct HoldingReader {
  explicit HoldingReader(const ControlMemory& memory)
      : page(memory.page()), reader(memory.make_reader()), thread([this] {
          while (!over) reader->wait({.spins = false, .urgent_only = true});
        }) {
    while (!sleeps()) std::this_thread::yield();
  }
  ~HoldingReader() {
    over = true;
    reader->wake();
    thread.join();
  }
  bool sleeps() const { return page.reader_sleeps == sleeps_until_urgent; }

  ControlPage& page;
  std::unique_ptr<RingReader> reader;
  std::atomic<bool> over{false};
  std::thread thread;
};

TEST_CASE("a reader that holds commands back sleeps through those that come behind them, not through others") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  const HoldingReader holding(memory);
  for (std::uint64_t i = 0; i < 100; ++i) {
    writer.post(stamped_command(1, i, 0));
    CHECK(holding.sleeps());
  }
  auto urgent = stamped_command(1, 100, 0);
  const Op op = Op::object_release;
  std::memcpy(urgent.data(), &op, sizeof op);
  writer.post(urgent);
  CHECK_FALSE(holding.sleeps());
}

TEST_CASE("a ring that is full wakes the reader, whatever it sleeps through") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  const HoldingReader holding(memory);
  std::thread program([&] {
    for (std::uint64_t i = 0; writer.post(stamped_command(1, i, 60'000)); ++i) continue;
  });
  while (holding.sleeps()) std::this_thread::yield();
  writer.stop();
  program.join();
  SUCCEED("it woke up");
}

TEST_CASE("eight threads post at once, and each thread's commands stay whole and in order") {
  constexpr std::uint64_t threads = 8, each = 4'000;
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  std::vector<std::thread> producers;
  for (std::uint64_t sender = 0; sender < threads; ++sender) {
    producers.emplace_back([&writer, sender] {
      std::mt19937 random(static_cast<unsigned>(sender));
      for (std::uint64_t number = 0; number < each; ++number) {
        const auto command = stamped_command(sender, number, random() % 64 == 0 ? random() % 30'000 : random() % 300);
        const std::size_t cut = (1 + random() % (command.size() / 8 - 1)) * 8;  // the header stays whole
        writer.post(std::span(command).first(cut), std::span(command).subspan(cut));
        if (random() % 512 == 0) ::usleep(200);  // lets the reader fall asleep
      }
    });
  }
  std::vector<std::uint64_t> next(threads);
  for (std::uint64_t received = 0; received < threads * each; ++received) {
    const Stamp stamp = checked_stamp(wait_next(*reader));
    REQUIRE(stamp.sender < threads);
    REQUIRE(stamp.number == next[stamp.sender]++);
  }
  for (std::thread& producer : producers) producer.join();
  CHECK_FALSE(reader->ready());
}

TEST_CASE("the order lock makes minting a number and posting one step") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  std::uint64_t sequence = 0;
  std::vector<std::thread> producers;
  for (int i = 0; i < 4; ++i) {
    producers.emplace_back([&] {
      for (int step = 0; step < 2'000; ++step) {
        const std::lock_guard lock(writer.order());
        writer.post_locked(stamped_command(0, ++sequence, 16));
      }
    });
  }
  for (std::uint64_t expected = 1; expected <= 8'000; ++expected)
    REQUIRE(checked_stamp(wait_next(*reader)).number == expected);
  for (std::thread& producer : producers) producer.join();
}

// Sends `count` commands from this process, with pauses around the length of the polite spin, where wake-ups get lost
// if they can.
void write_with_pauses(RingWriter& writer, std::uint64_t count, unsigned seed) {
  std::mt19937 random(seed);
  for (std::uint64_t number = 0; number < count; ++number) {
    if (!writer.post(stamped_command(9, number, random() % 5'000))) ::_exit(2);
    if (random() % 4 == 0) ::usleep(random() % 160);
  }
}

TEST_CASE("a reader in another process misses no command, however the writer pauses") {
  constexpr std::uint64_t count = 10'000;
  auto memory = SharedMemory::create("ring-test", control_bytes);
  REQUIRE(memory.ok());
  const pid_t child = ::fork();
  if (child == 0) {
    RingWriter writer(memory.value().bytes(), {});
    write_with_pauses(writer, count, 11);
    ::_exit(0);
  }
  auto reader = std::make_unique<RingReader>(memory.value().bytes(), Doorbell());
  for (std::uint64_t expected = 0; expected < count; ++expected) {
    const Stamp stamp = checked_stamp(wait_next(*reader));
    REQUIRE(stamp.sender == 9);
    REQUIRE(stamp.number == expected);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("two processes that answer each other never both sleep") {
  constexpr std::uint64_t rounds = 4'000;
  auto there = SharedMemory::create("ring-there", control_bytes);
  auto back = SharedMemory::create("ring-back", control_bytes);
  REQUIRE(there.ok());
  REQUIRE(back.ok());
  const pid_t child = ::fork();
  if (child == 0) {
    auto reader = std::make_unique<RingReader>(there.value().bytes(), Doorbell());
    RingWriter writer(back.value().bytes(), {});
    for (std::uint64_t i = 0; i < rounds; ++i) {
      const auto command = wait_next(*reader);
      if (i % 7 == 0) ::usleep(static_cast<useconds_t>(i % 120));
      if (!writer.post(command)) ::_exit(2);
    }
    ::_exit(0);
  }
  RingWriter writer(there.value().bytes(), {});
  auto reader = std::make_unique<RingReader>(back.value().bytes(), Doorbell());
  for (std::uint64_t i = 0; i < rounds; ++i) {
    REQUIRE(writer.post(stamped_command(1, i, i % 400)));
    if (i % 5 == 0) ::usleep(static_cast<useconds_t>(i % 110));
    REQUIRE(checked_stamp(wait_next(*reader)).number == i);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace
}  // namespace sluice::wire
