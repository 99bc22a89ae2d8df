// The moment between the end of the polite spin and the sleep is where a wake-up can be lost. Here the event that ends
// each wait is aimed at that moment, thousands of times. A lost wake-up hangs, and the test's timeout tells.
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "tests/wire/ring_rig.h"
#include "wire/timeline.h"

namespace sluice::wire {
namespace {

constexpr std::uint64_t rounds = 20'000;
constexpr Nanoseconds time_max = 5 * ns_per_s;  // on a busy machine fewer rounds have to do

// Runs wait(round) on one thread and, when its spin is about to be over after `edge_ns`, happen(round) on another,
// round after round.
template <typename Wait, typename Happen>
void aim_at_the_edge(Wait wait, Happen happen, Nanoseconds edge_ns = polite_spin_ns) {
  std::atomic<std::uint64_t> waiting{0}, done{0};
  std::atomic<Nanoseconds> started{0};
  std::atomic<bool> last{false};
  std::thread waiter([&] {
    for (std::uint64_t round = 1; !last.load(); ++round) {
      started.store(now_ns());
      waiting.store(round);
      wait(round);
      done.store(round);
    }
  });
  std::mt19937 random(17);
  const Nanoseconds enough = now_ns() + time_max;
  for (std::uint64_t round = 1; !last.load(); ++round) {
    while (waiting.load() < round) std::this_thread::yield();
    const Nanoseconds aim = started.load() + edge_ns - ns_per_us + random() % (6 * ns_per_us);
    while (now_ns() < aim) {
    }
    if (round == rounds || now_ns() > enough) last.store(true);
    happen(round);
    while (done.load() < round) std::this_thread::yield();
  }
  waiter.join();
  SUCCEED("every wait ended");
}

const std::atomic<bool> not_lost{false};

TEST_CASE("a completion that meets a waiter falling asleep wakes it") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  aim_at_the_edge([&](std::uint64_t round) { (void)memory.wait(slot, round, not_lost); },
                  [&](std::uint64_t round) { memory.publish(slot, round); });
}

TEST_CASE("a completion that comes when it was just announced that somebody sleeps wakes it") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  aim_at_the_edge([&](std::uint64_t round) { (void)memory.wait(slot, round, not_lost); },
                  [&](std::uint64_t round) {
                    const Nanoseconds deadline = now_ns() + ns_per_ms;
                    while (slot.wanted_inverted.load() == 0 && now_ns() < deadline) {
                    }
                    memory.publish(slot, round);
                  });
}

TEST_CASE("a completion of any queue that meets a waiter falling asleep wakes it") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  const auto wait = [&](std::uint64_t round) {
    SpinHabit habit;
    PoliteSpin spin(habit);
    while (spin.again()) {
    }
    for (;;) {
      const std::uint32_t token = memory.token();
      if (slot.completed.load(std::memory_order_acquire) >= round) return;
      memory.wait_any(token, not_lost);
    }
  };
  aim_at_the_edge(wait, [&](std::uint64_t round) { memory.publish(slot, round); });
}

TEST_CASE("a completion that nobody wants does not use up the wake-up of the one that follows") {
  const ControlMemory memory;
  auto &wanted = memory.make_slot<TimelineSlot>(), &other = memory.make_slot<TimelineSlot>();
  const auto wait = [&](std::uint64_t round) {
    SpinHabit habit;
    PoliteSpin spin(habit);
    while (spin.again()) {
    }
    for (;;) {
      const std::uint32_t token = memory.token();
      if (wanted.completed.load(std::memory_order_acquire) >= round) return;
      memory.wait_any(token, not_lost);
    }
  };
  aim_at_the_edge(wait, [&](std::uint64_t round) {
    memory.publish(other, round);
    const Nanoseconds later = now_ns() + 10 * ns_per_us;
    while (now_ns() < later) {
    }
    memory.publish(wanted, round);
  });
}

TEST_CASE("two waiters of different kinds are woken by one completion") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  std::atomic<bool> over{false};
  std::thread other([&] {
    for (std::uint64_t round = 1; memory.wait(slot, round, over);) ++round;
  });
  aim_at_the_edge(
      [&](std::uint64_t round) {
        for (;;) {
          const std::uint32_t token = memory.token();
          if (slot.completed.load(std::memory_order_acquire) >= round) return;
          memory.wait_any(token, not_lost);
        }
      },
      [&](std::uint64_t round) { memory.publish(slot, round); });
  over.store(true);
  wake_waiters(slot, memory.doorbell());
  other.join();
}

TEST_CASE("a command that meets a reader falling asleep wakes it") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  aim_at_the_edge(
      [&](std::uint64_t) {
        while (!reader->ready()) reader->wait();
        (void)reader->next();
      },
      [&](std::uint64_t round) { writer.post(stamped_command(1, round, 0)); });
}

TEST_CASE("a wake that meets a reader falling asleep wakes it") {
  const ControlMemory memory;
  auto reader = memory.make_reader();
  std::atomic<std::uint64_t> told{0};
  aim_at_the_edge(
      [&](std::uint64_t round) {
        while (told.load() < round) reader->wait();
      },
      [&](std::uint64_t round) {
        told.store(round);
        reader->wake();
      });
}

// Who does not spin falls asleep at once.
TEST_CASE("what meets a waiter that falls asleep without a spin wakes it") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  const RingReader::Rest at_once{.spins = false};
  auto& slot = memory.make_slot<TimelineSlot>();
  std::atomic<std::uint64_t> told{0};
  aim_at_the_edge([&](std::uint64_t round) { (void)memory.wait(slot, round, not_lost, {.spins = false}); },
                  [&](std::uint64_t round) { memory.publish(slot, round); }, 0);
  aim_at_the_edge(
      [&](std::uint64_t) {
        while (!reader->ready()) reader->wait(at_once);
        (void)reader->next();
      },
      [&](std::uint64_t round) { writer.post(stamped_command(1, round, 0)); }, 0);
  aim_at_the_edge(
      [&](std::uint64_t round) {
        while (told.load() < round) reader->wait(at_once);
      },
      [&](std::uint64_t round) {
        told.store(round);
        reader->wake();
      },
      0);
}

TEST_CASE("what is urgent wakes a reader that falls asleep through everything else") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  const auto urgent_command = [](std::uint64_t round) {
    auto command = stamped_command(1, round, 0);
    const Op op = Op::object_release;
    std::memcpy(command.data(), &op, sizeof op);
    return command;
  };
  aim_at_the_edge(
      [&](std::uint64_t round) {
        for (std::uint64_t read = 0; read != round;) {
          reader->wait({.spins = false, .urgent_only = true});
          for (auto command = reader->next(); command.ok() && !command.value().empty(); command = reader->next())
            std::memcpy(&read, command.value().data() + offsetof(Stamp, number), sizeof read);
        }
      },
      [&](std::uint64_t round) {
        writer.post(stamped_command(2, 0, 0));
        writer.post(urgent_command(round));
      },
      0);
}

TEST_CASE("room that meets a writer falling asleep wakes it") {
  const ControlMemory memory;
  RingWriter writer = memory.make_writer();
  auto reader = memory.make_reader();
  const auto largest = stamped_command(1, 1, command_bytes_max - sizeof(Stamp));
  for (std::size_t i = 0; i < ring_bytes / command_bytes_max; ++i) REQUIRE(writer.post(largest));
  aim_at_the_edge([&](std::uint64_t) { writer.post(largest); }, [&](std::uint64_t) { (void)reader->next(); });
}

TEST_CASE("an answer that meets a caller falling asleep wakes it") {
  const ControlMemory memory;
  const auto slots = memory.make_slots<ReplySlot>(rounds + 1);
  aim_at_the_edge([&](std::uint64_t round) { (void)memory.wait(slots[round], not_lost); },
                  [&](std::uint64_t round) { memory.answer(slots[round], Outcome::ok, round); });
}

TEST_CASE("a loss that meets a waiter falling asleep wakes it") {
  const ControlMemory memory;
  const auto slots = memory.make_slots<TimelineSlot>(rounds + 1);
  std::vector<std::atomic<bool>> lost(rounds + 1);
  aim_at_the_edge([&](std::uint64_t round) { (void)memory.wait(slots[round], 1, lost[round]); },
                  [&](std::uint64_t round) {
                    lost[round].store(true);
                    wake_waiters(slots[round], memory.doorbell());
                  });
}

}  // namespace
}  // namespace sluice::wire
