#include "daemon/worker/completions.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <numeric>
#include <random>
#include <thread>

#include "open_gate.h"

namespace sluice::worker {
namespace {

// Shared memory and account, as a session has them.
struct Bench {
  std::unique_ptr<std::byte[]> control_memory = std::make_unique<std::byte[]>(wire::control_bytes + 64);
  wire::ControlPage& control =
      *reinterpret_cast<wire::ControlPage*>((reinterpret_cast<std::uintptr_t>(control_memory.get()) + 63) / 64 * 64);
  metering::MeterPage meter{};
  test::OpenGate open{meter};
  Completions completions{control, {}, meter, open.gate};

  InFlight& begin(QueueProgress& queue, wire::EventSlot* event, Work work, std::uint64_t bytes) {
    InFlight& command = completions.begin(queue, event);
    command.work = work;
    command.bytes = bytes;
    return command;
  }
};

void end(Completions& completions, InFlight* command, wire::Outcome outcome = wire::Outcome::ok) {
  completions.completed(command->token(), outcome, {10, 20, 30});
}

TEST_CASE("an in-order queue publishes only the finished front, whatever the order of delivery") {
  const auto seed = GENERATE(range(1u, 40u));
  std::mt19937 random(seed);
  Bench bench;
  wire::TimelineSlot timeline{};
  QueueProgress& queue = bench.completions.open(timeline, false);
  constexpr std::size_t count = 50;
  std::deque<wire::EventSlot> events(count);
  std::vector<InFlight*> commands;
  for (std::size_t i = 0; i < count; ++i) {
    events[i].stage = static_cast<int>(wire::EventStage::queued);
    commands.push_back(&bench.begin(queue, &events[i], Work::launch, 0));
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  std::vector<bool> ended(count);
  INFO("seed " << seed);
  for (const std::size_t which : order) {
    end(bench.completions, commands[which]);
    ended[which] = true;
    const auto front = static_cast<std::size_t>(std::find(ended.begin(), ended.end(), false) - ended.begin());
    REQUIRE(timeline.completed == front);
    for (std::size_t i = 0; i < count; ++i) REQUIRE((events[i].stage == 0) == (i < front));
  }
  CHECK(bench.meter.launches == count);
  CHECK(bench.meter.commands == count);
  CHECK(bench.meter.device_ns == count * 10);
  CHECK(bench.completions.in_flight() == 0);
}

TEST_CASE("an out-of-order queue shows each event at once and counts what has ended") {
  Bench bench;
  wire::TimelineSlot timeline{};
  QueueProgress& queue = bench.completions.open(timeline, true);
  std::deque<wire::EventSlot> events(3);
  std::vector<InFlight*> commands;
  for (auto& event : events) {
    event.stage = static_cast<int>(wire::EventStage::queued);
    commands.push_back(&bench.begin(queue, &event, Work::other, 0));
  }
  end(bench.completions, commands[2]);
  CHECK(events[2].stage == 0);
  CHECK(events[0].stage == static_cast<int>(wire::EventStage::queued));
  CHECK(timeline.completed == 1);
  end(bench.completions, commands[0]);
  end(bench.completions, commands[1]);
  CHECK(timeline.completed == 3);
}

TEST_CASE("a command that was never submitted fails in its place, behind those before it") {
  Bench bench;
  wire::TimelineSlot timeline{};
  QueueProgress& queue = bench.completions.open(timeline, false);
  wire::EventSlot event{};
  event.stage = static_cast<int>(wire::EventStage::queued);
  InFlight& first = bench.begin(queue, nullptr, Work::other, 0);
  InFlight& wrong = bench.begin(queue, &event, Work::other, 0);
  bench.completions.failed(wrong, wire::Outcome::invalid_object);
  CHECK(timeline.completed == 0);
  CHECK(event.stage == static_cast<int>(wire::EventStage::queued));
  end(bench.completions, &first);
  CHECK(timeline.completed == 2);
  CHECK(event.stage == static_cast<int>(wire::Outcome::invalid_object));
  CHECK(timeline.first_error == 0);  // its event says it
  CHECK(bench.meter.failures == 1);
}

TEST_CASE("what a failed command would have moved or launched is not counted") {
  Bench bench;
  wire::TimelineSlot timeline{};
  QueueProgress& queue = bench.completions.open(timeline, false);
  for (const Work work : {Work::to_device, Work::from_device, Work::launch}) {
    bench.completions.failed(bench.begin(queue, nullptr, work, 100), wire::Outcome::wait_list_failed);
    end(bench.completions, &bench.begin(queue, nullptr, work, 7));
  }
  CHECK(bench.meter.bytes_in == 7);
  CHECK(bench.meter.bytes_out == 7);
  CHECK(bench.meter.launches == 1);
  CHECK(bench.meter.commands == 6);
  CHECK(bench.meter.failures == 3);
}

TEST_CASE("the first failure without an event is kept for the queue") {
  Bench bench;
  wire::TimelineSlot timeline{};
  QueueProgress& queue = bench.completions.open(timeline, false);
  for (const auto outcome : {wire::Outcome::ok, wire::Outcome::out_of_resources, wire::Outcome::internal})
    end(bench.completions, &bench.begin(queue, nullptr, Work::other, 0), outcome);
  CHECK(timeline.first_error == static_cast<int>(wire::Outcome::out_of_resources));
  CHECK(timeline.completed == 3);
}

TEST_CASE("what commands still use is let go when the last of them has ended, on every queue") {
  Bench bench;
  wire::TimelineSlot timelines[2] = {};
  QueueProgress& ordered = bench.completions.open(timelines[0], false);
  QueueProgress& unordered = bench.completions.open(timelines[1], true);
  InFlight& a = bench.begin(ordered, nullptr, Work::other, 0);
  InFlight& b = bench.begin(unordered, nullptr, Work::other, 0);
  auto thing = std::make_shared<const int>(7);
  const std::weak_ptr<const int> watched = thing;
  REQUIRE(bench.completions.release_after_all(thing));
  thing.reset();
  // Begun later, ends earlier: does not count.
  InFlight& c = bench.begin(unordered, nullptr, Work::other, 0);
  end(bench.completions, &c);
  CHECK_FALSE(watched.expired());
  end(bench.completions, &a);
  CHECK_FALSE(watched.expired());
  end(bench.completions, &b);
  CHECK(watched.expired());
}

TEST_CASE("with nothing in flight, things are let go at once") {
  Bench bench;
  wire::TimelineSlot timeline{};
  bench.completions.open(timeline, false);
  auto thing = std::make_shared<const int>(7);
  REQUIRE(bench.completions.release_after_all(thing));
  CHECK(thing.use_count() == 1);
}

TEST_CASE("a queue that was closed with commands in flight still publishes them") {
  Bench bench;
  wire::TimelineSlot timeline{};
  QueueProgress& queue = bench.completions.open(timeline, false);
  InFlight& command = bench.begin(queue, nullptr, Work::other, 0);
  bench.completions.close(queue);
  end(bench.completions, &command);
  CHECK(timeline.completed == 1);
}

// Ends are delivered by three threads while a fourth begins commands: nothing is lost, nothing comes out of order, and
// what is held goes exactly when it may.
TEST_CASE("threads may end commands while others are begun") {
  const bool out_of_order = GENERATE(false, true);
  Bench bench;
  wire::TimelineSlot timeline{};
  QueueProgress& queue = bench.completions.open(timeline, out_of_order);
  constexpr std::uint64_t count = 30'000;
  constexpr std::size_t threads = 3;
  std::mutex mutex;
  std::deque<InFlight*> ready;
  std::atomic<bool> all_begun{false};
  std::vector<std::thread> enders;
  for (std::size_t t = 0; t < threads; ++t) {
    enders.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (;;) {
        InFlight* command = nullptr;
        {
          const std::lock_guard lock(mutex);
          if (!ready.empty()) {
            const std::size_t which = random() % std::min<std::size_t>(ready.size(), 8);
            command = ready[which];
            ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(which));
          } else if (all_begun) {
            return;
          }
        }
        if (command != nullptr) end(bench.completions, command);
        else std::this_thread::yield();
      }
    });
  }
  std::vector<std::weak_ptr<const int>> held;
  std::uint64_t seen = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    InFlight& command = bench.begin(queue, nullptr, Work::launch, 0);
    {
      const std::lock_guard lock(mutex);
      ready.push_back(&command);
    }
    if (i % 64 == 0) {
      auto thing = std::make_shared<const int>(1);
      held.push_back(thing);
      REQUIRE(bench.completions.release_after_all(thing));
    }
    const std::uint64_t now = timeline.completed;
    REQUIRE(now >= seen);
    REQUIRE(now <= i + 1);
    seen = now;
  }
  all_begun = true;
  for (auto& thread : enders) thread.join();
  CHECK(timeline.completed == count);
  CHECK(bench.meter.launches == count);
  CHECK(bench.completions.in_flight() == 0);
  for (const auto& thing : held) REQUIRE(thing.expired());
}

}  // namespace
}  // namespace sluice::worker
