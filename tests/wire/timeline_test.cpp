#include "wire/timeline.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <random>
#include <thread>
#include <vector>

#include "tests/wire/ring_rig.h"
#include "wire/transport/shared_memory.h"

namespace sluice::wire {
namespace {

const std::atomic<bool> not_lost{false};

// A pause of up to `us_max` microseconds, half of the time spinning, so that every interleaving with the polite spin
// and the sleep after it comes up.
void pause(std::mt19937& random, unsigned us_max) {
  const unsigned us = random() % us_max;
  if (random() % 2 == 0) {
    ::usleep(us);
    return;
  }
  const Nanoseconds until = now_ns() + us * ns_per_us;
  while (now_ns() < until) std::this_thread::yield();
}

TEST_CASE("what is complete already is not waited for") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  memory.publish(slot, 5);
  CHECK(memory.wait(slot, 5, not_lost));
  CHECK(memory.wait(slot, 0, not_lost));
  CHECK_FALSE(memory.wait(slot, 6, not_lost, {now_ns() + ns_per_ms}));
}

TEST_CASE("a wait ends at its deadline, not before") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  const Nanoseconds started = now_ns();
  CHECK_FALSE(memory.wait(slot, 1, not_lost, {started + 15 * ns_per_ms}));
  CHECK(now_ns() - started >= 15 * ns_per_ms);
}

TEST_CASE("nobody is woken when nobody waits, or before the target is reached") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  for (std::uint64_t completed = 1; completed <= 100; ++completed) memory.publish(slot, completed);
  CHECK(slot.wake_seq.load() == 0);
  CHECK(memory.page().completion_seq.load() == 0);

  std::thread waiter([&] { (void)memory.wait(slot, 200, not_lost); });
  while (slot.wanted_inverted.load() == 0) std::this_thread::yield();
  for (std::uint64_t completed = 101; completed < 200; ++completed) memory.publish(slot, completed);
  CHECK(slot.wake_seq.load() == 0);
  memory.publish(slot, 200);
  waiter.join();
}

TEST_CASE("many waiters with targets of their own all wake, however the publisher pauses") {
  constexpr std::uint64_t last = 12'000;
  constexpr int waiters = 6;
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  std::vector<std::thread> threads;
  for (int i = 0; i < waiters; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(static_cast<unsigned>(100 + i));
      for (std::uint64_t target = 0; target < last;) {
        target = std::min(last, target + 1 + random() % 40);
        if (!memory.wait(slot, target, not_lost)) return;
        if (slot.completed.load() < target) std::abort();
      }
    });
  }
  std::mt19937 random(1);
  for (std::uint64_t completed = 0; completed < last;) {
    completed = std::min(last, completed + 1 + random() % 4);
    memory.publish(slot, completed);
    if (random() % 4 == 0) pause(random, 130);
  }
  for (std::thread& thread : threads) thread.join();
  SUCCEED("no waiter hung");
}

TEST_CASE("waits that time out do not take another waiter's wake-up away") {
  constexpr std::uint64_t last = 3'000;
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  std::atomic<bool> done{false};
  std::thread impatient([&] {
    std::mt19937 random(3);
    while (!done.load())
      (void)memory.wait(slot, slot.completed.load() + 1 + random() % 3, not_lost, {now_ns() + random() % 90'000});
  });
  std::thread patient([&] {
    for (std::uint64_t target = 1; target <= last; ++target)
      if (!memory.wait(slot, target, not_lost)) std::abort();
  });
  std::mt19937 random(4);
  for (std::uint64_t completed = 1; completed <= last; ++completed) {
    memory.publish(slot, completed);
    pause(random, 120);
  }
  patient.join();
  done.store(true);
  memory.publish(slot, UINT64_MAX / 2);
  impatient.join();
  SUCCEED("no waiter hung");
}

TEST_CASE("a program and a worker in two processes never lose a completion") {
  constexpr std::uint64_t rounds = 4'000;
  auto shared = SharedMemory::create("timeline-test", control_bytes + 4096);
  REQUIRE(shared.ok());
  const auto control = shared.value().bytes().first(control_bytes);
  auto& slot = *reinterpret_cast<TimelineSlot*>(shared.value().data() + control_bytes);
  auto& page = *reinterpret_cast<ControlPage*>(control.data());
  const pid_t child = ::fork();
  if (child == 0) {
    auto reader = std::make_unique<RingReader>(control, Doorbell());
    std::mt19937 random(8);
    for (std::uint64_t completed = 0; completed < rounds;) {
      auto command = reader->next();
      if (!command.ok()) ::_exit(2);
      if (command.value().empty()) {
        reader->wait();
        continue;
      }
      if (random() % 4 == 0) pause(random, 120);
      publish_completed(slot, page, ++completed, {});
    }
    ::_exit(0);
  }
  RingWriter writer(control, {});
  std::mt19937 random(9);
  for (std::uint64_t sequence = 1; sequence <= rounds; ++sequence) {
    REQUIRE(writer.post(stamped_command(1, sequence, 0)));
    if (random() % 3 == 0) REQUIRE(wait_completed(slot, sequence, not_lost, {}, {}));
    if (random() % 8 == 0) pause(random, 100);
  }
  REQUIRE(wait_completed(slot, rounds, not_lost, {}, {}));
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("a thread that waits for anything wakes for every queue, if it takes its token first") {
  constexpr int events = 4'000;
  const ControlMemory memory;
  const auto slots = memory.make_slots<TimelineSlot>(3);
  const auto done = memory.make_slots<EventSlot>(events);
  for (EventSlot& event : done) event.stage.store(static_cast<std::int32_t>(EventStage::queued));
  const auto wait_for_event = [&](EventSlot& event) {
    for (;;) {
      const std::uint32_t token = memory.token();
      if (event.stage.load(std::memory_order_acquire) <= 0) return;
      memory.wait_any(token, not_lost);
    }
  };
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i)
    waiters.emplace_back([&, i] {
      for (int event = i; event < events; event += 1 + i) wait_for_event(done[static_cast<std::size_t>(event)]);
    });
  std::mt19937 random(2);
  std::uint64_t completed[3] = {};
  for (EventSlot& event : done) {
    const std::size_t queue = random() % 3;
    publish_event(memory.at_worker(event), Outcome::ok, {});
    memory.publish(slots[queue], ++completed[queue]);
    if (random() % 4 == 0) pause(random, 100);
  }
  for (std::thread& waiter : waiters) waiter.join();
  SUCCEED("no waiter hung");
}

TEST_CASE("loss ends every wait at once, and those that begin later") {
  const ControlMemory memory;
  for (int round = 0; round < 150; ++round) {
    auto& slot = memory.make_slot<TimelineSlot>();
    auto& reply = memory.make_slot<ReplySlot>();
    std::atomic<bool> lost{false};
    std::atomic<int> succeeded{0};
    std::thread waits[] = {
        std::thread([&] { succeeded += memory.wait(slot, 1, lost); }),
        std::thread([&] { succeeded += memory.wait(slot, 7, lost, {now_ns() + 100 * ns_per_s}); }),
        std::thread([&] { succeeded += memory.wait(reply, lost); }),
        std::thread([&] {
          while (!lost.load()) memory.wait_any(memory.token(), lost);
        }),
    };
    std::mt19937 random(static_cast<unsigned>(round));
    pause(random, 150);
    lost.store(true, std::memory_order_release);
    wake_waiters(slot, memory.doorbell());
    lose_reply(reply, memory.doorbell());
    wake_waiters(memory.page(), memory.doorbell());
    for (std::thread& wait : waits) wait.join();
    REQUIRE(succeeded == 0);
    REQUIRE_FALSE(memory.wait(slot, 1, lost));
    REQUIRE_FALSE(memory.wait(reply, lost));
  }
}

TEST_CASE("a wait that is interrupted ends although nothing was lost") {
  const ControlMemory memory;
  for (int round = 0; round < 200; ++round) {
    auto& slot = memory.make_slot<TimelineSlot>();
    std::atomic<bool> interrupted{false};
    bool succeeded = true;
    std::thread waiter([&] { succeeded = memory.wait(slot, 1, not_lost, {.interrupted = &interrupted}); });
    std::mt19937 random(static_cast<unsigned>(round));
    pause(random, 120);
    interrupted.store(true);
    wake_waiters(slot, memory.doorbell());
    waiter.join();
    REQUIRE_FALSE(succeeded);
  }
}

TEST_CASE("an event's times are there when its stage says that it is complete") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<EventSlot>();
  slot.stage.store(static_cast<std::int32_t>(EventStage::queued));
  std::thread worker([&] { publish_event(memory.at_worker(slot), Outcome::ok, {10, 20, 30}); });
  while (slot.stage.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  CHECK(slot.stage.load() == static_cast<std::int32_t>(EventStage::complete));
  CHECK(slot.submitted_ns == 10);
  CHECK(slot.started_ns == 20);
  CHECK(slot.ended_ns == 30);
  worker.join();
  auto& failed = memory.make_slot<EventSlot>();
  publish_event(memory.at_worker(failed), Outcome::out_of_resources, {});
  CHECK(failed.stage.load() == static_cast<std::int32_t>(Outcome::out_of_resources));
}

TEST_CASE("a queue remembers the first error") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<TimelineSlot>();
  publish_error(memory.at_worker(slot), Outcome::invalid_kernel_arguments);
  publish_error(memory.at_worker(slot), Outcome::device_lost);
  CHECK(slot.first_error.load() == static_cast<std::int32_t>(Outcome::invalid_kernel_arguments));
}

TEST_CASE("a call's answer reaches the caller whole, whether it sleeps or not") {
  const ControlMemory memory;
  std::mt19937 random(6);
  for (std::uint64_t round = 1; round <= 1'000; ++round) {
    auto& slot = memory.make_slot<ReplySlot>();
    std::thread worker([&, us = random() % 130] {
      std::mt19937 own(static_cast<unsigned>(round));
      if (us > 20) pause(own, us);
      memory.answer(slot, Outcome::build_failed, round);
    });
    REQUIRE(memory.wait(slot, not_lost));
    REQUIRE(slot.outcome == static_cast<std::int32_t>(Outcome::build_failed));
    REQUIRE(slot.data_bytes == round);
    worker.join();
  }
}

TEST_CASE("an answer that came before the loss still counts") {
  const ControlMemory memory;
  auto& slot = memory.make_slot<ReplySlot>();
  const std::atomic<bool> lost{true};
  memory.answer(slot, Outcome::ok, 3);
  lose_reply(slot, memory.doorbell());
  CHECK(memory.wait(slot, lost));
  CHECK(slot.data_bytes == 3);
}

}  // namespace
}  // namespace sluice::wire
