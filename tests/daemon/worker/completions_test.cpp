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

// An event that has not come to its end yet, as the shim makes it.
struct UnsetEvent : wire::EventSlot {
  UnsetEvent() : wire::EventSlot{} { stage = static_cast<int>(wire::EventStage::queued); }
};

TEST_CASE("a command is shown after what it waited for, whichever the driver reports first") {
  Bench bench;
  wire::TimelineSlot timelines[3] = {};
  QueueProgress& ordered = bench.completions.open(timelines[0], false);
  QueueProgress& unordered = bench.completions.open(timelines[1], true);
  QueueProgress& third = bench.completions.open(timelines[2], false);
  UnsetEvent events[4];
  InFlight& before = bench.begin(ordered, nullptr, Work::other, 0);
  InFlight& first = bench.begin(ordered, &events[0], Work::other, 0);
  InFlight& second = bench.begin(unordered, &events[1], Work::other, 0);
  InFlight& marker = bench.begin(third, &events[2], Work::other, 0);
  InFlight& last = bench.begin(unordered, &events[3], Work::other, 0);
  const InFlightRef of_first(bench.completions, first), of_second(bench.completions, second);
  const InFlightRef of_marker(bench.completions, marker);
  bench.completions.show_after(marker, of_first);
  bench.completions.show_after(marker, of_second);
  bench.completions.show_after(last, of_marker);
  end(bench.completions, &last);
  end(bench.completions, &marker);
  end(bench.completions, &first);
  end(bench.completions, &second);
  CHECK(events[1].stage == 0);
  for (const int waiting : {0, 2, 3}) CHECK(events[waiting].stage != 0);  // the front of the first queue has not ended
  CHECK(timelines[2].completed == 0);
  end(bench.completions, &before);
  for (const wire::EventSlot& event : events) CHECK(event.stage == 0);
  CHECK(timelines[2].completed == 1);
  CHECK(bench.completions.in_flight() == 0);
}

TEST_CASE("a command that comes after the end of what it waits for is not kept") {
  Bench bench;
  wire::TimelineSlot timelines[2] = {};
  QueueProgress& one = bench.completions.open(timelines[0], false);
  QueueProgress& two = bench.completions.open(timelines[1], false);
  InFlight& first = bench.begin(one, nullptr, Work::other, 0);
  const InFlightRef of_first(bench.completions, first);
  end(bench.completions, &first);
  for (int i = 0; i < 600; ++i) end(bench.completions, &bench.begin(one, nullptr, Work::other, 0));  // all records anew
  InFlight& later = bench.begin(two, nullptr, Work::other, 0);
  bench.completions.show_after(later, of_first);
  bench.completions.show_after(later, InFlightRef(bench.completions, later));  // itself: nothing waits for ever
  end(bench.completions, &later);
  CHECK(timelines[1].completed == 1);
}

TEST_CASE("an out-of-order queue's barrier is shown after all before it and before all after it") {
  Bench bench;
  wire::TimelineSlot timeline{};
  QueueProgress& queue = bench.completions.open(timeline, true);
  UnsetEvent events[3];
  InFlight& before = bench.begin(queue, &events[0], Work::other, 0);
  InFlight& barrier = bench.begin(queue, &events[1], Work::other, 0);
  bench.completions.order(barrier, true, true);
  InFlight& after = bench.begin(queue, &events[2], Work::other, 0);
  bench.completions.order(after, false, false);
  end(bench.completions, &after);
  end(bench.completions, &barrier);
  for (const wire::EventSlot& event : events) CHECK(event.stage != 0);
  end(bench.completions, &before);
  for (const wire::EventSlot& event : events) CHECK(event.stage == 0);
  CHECK(timeline.completed == 3);
}

TEST_CASE("whoever sees a command ended sees all ended that it waited for") {
  Bench bench;
  std::mt19937 random(GENERATE(range(1u, 9u)));
  constexpr std::size_t count = 400;
  wire::TimelineSlot timelines[4] = {};
  std::vector<QueueProgress*> queues;
  for (std::size_t i = 0; i < 4; ++i) queues.push_back(&bench.completions.open(timelines[i], i % 2 == 1));
  std::vector<UnsetEvent> events(count);
  std::vector<InFlight*> commands;
  std::vector<InFlightRef> refs;
  std::vector<std::vector<std::size_t>> waits(count);
  std::vector<wire::TimelineSlot*> in_order(count);
  std::vector<std::uint64_t> sequences;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t queue = random() % 4;
    commands.push_back(&bench.begin(*queues[queue], &events[i], Work::other, 0));
    if (queue % 2 == 0) in_order[i] = &timelines[queue];
    sequences.push_back(commands[i]->sequence);
    refs.emplace_back(bench.completions, *commands[i]);
    for (std::size_t n = i == 0 ? 0 : random() % 4; n > 0; --n) {
      waits[i].push_back(random() % i);
      bench.completions.show_after(*commands[i], refs[waits[i].back()]);
    }
    bench.completions.order(*commands[i], false, random() % 16 == 0);
  }
  std::shuffle(commands.begin(), commands.end(), random);
  std::vector<std::thread> drivers;
  for (std::size_t which = 0; which < 2; ++which)
    drivers.emplace_back([&, which] {
      for (std::size_t i = which; i < count; i += 2) end(bench.completions, commands[i]);
    });
  const auto has_ended = [&](std::size_t i) {  // as the program sees it
    return in_order[i] != nullptr ? in_order[i]->completed >= sequences[i] : events[i].stage == 0;
  };
  std::size_t broken = 0;
  for (std::size_t seen = 0; seen < count;) {
    seen = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!has_ended(i)) continue;
      ++seen;
      for (const std::size_t earlier : waits[i]) broken += has_ended(earlier) ? 0 : 1;
    }
  }
  for (std::thread& driver : drivers) driver.join();
  CHECK(broken == 0);
  CHECK(bench.completions.in_flight() == 0);
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
