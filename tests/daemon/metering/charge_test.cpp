// What a lease costs, as a table and as properties over random stretches.
#include "daemon/metering/charge.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace sluice::metering {
namespace {

constexpr Nanoseconds us = ns_per_us, ms = ns_per_ms;

struct Row {
  const char* what;
  Stretch stretch;  // held, measured, floor, waited for
  Proof proof;
  Charge wanted;
};

const Row rows[] = {
    {"an honest worker alone pays what it reports",
     {100 * ms, 80 * ms, 79 * ms, false},
     Proof::processor_time,
     {80 * ms, 0}},
    {"the driver's own work is build", {100 * ms, 80 * ms, 82 * ms, false}, Proof::processor_time, {80 * ms, 2 * ms}},
    {"as far as a sixteenth", {100 * ms, 80 * ms, 95 * ms, false}, Proof::processor_time, {90 * ms, 5 * ms}},
    {"who reports nothing pays the floor", {100 * ms, 0, 50 * ms, false}, Proof::processor_time, {50 * ms, 0}},
    {"an idle holder alone pays nothing", {100 * ms, 0, 0, false}, Proof::processor_time, {0, 0}},
    {"queues that overlap are paid for once", {10 * ms, 18 * ms, 9 * ms, false}, Proof::processor_time, {10 * ms, 0}},
    {"more processor time than was held is build",
     {10 * ms, 0, 12 * ms, false},
     Proof::processor_time,
     {10 * ms, 2 * ms}},
    {"who keeps others waiting pays by the clock", {100 * ms, 0, 50 * ms, true}, Proof::processor_time, {100 * ms, 0}},
    {"idle, too", {100 * ms, 0, 0, true}, Proof::processor_time, {100 * ms, 0}},
    {"an honest turn pays for its kernels",
     {5700 * us, 5300 * us, 5200 * us, true},
     Proof::processor_time,
     {5300 * us, 0}},
    {"one with more gaps than can be explained pays for them",
     {6000 * us, 5000 * us, 0, true},
     Proof::processor_time,
     {5460 * us, 0}},
    {"one that waits for each kernel, and uses all units, pays for its kernels",
     {6000 * us, 5000 * us, 5100 * us, true},
     Proof::processor_time,
     {5000 * us, 100 * us}},
    {"one that computes on one thread of two meanwhile does not pass for it",
     {6000 * us, 5000 * us, 3000 * us, true},
     Proof::processor_time,
     {5460 * us, 0}},
    {"nor does one whose kernels run elsewhere",
     {6000 * us, 5000 * us, 5100 * us, true},
     Proof::held_time,
     {5460 * us, 0}},
    {"a short one, too", {260 * us, 202 * us, 200 * us, true}, Proof::processor_time, {202 * us, 0}},
    {"where kernels run elsewhere the holder pays by the clock",
     {10 * ms, ms, 0, false},
     Proof::held_time,
     {10 * ms, 0}},
    {"but for handing over", {5700 * us, 5300 * us, 0, true}, Proof::held_time, {5300 * us, 0}},
    {"without proof a worker is believed", {100 * ms, 3 * ms, 50 * ms, true}, Proof::none, {3 * ms, 0}},
    {"up to the time it held", {10 * ms, 30 * ms, 0, false}, Proof::none, {10 * ms, 0}},
};

std::vector<Stretch> random_stretches(std::size_t count) {
  std::mt19937_64 random(15);
  const auto upto = [&](Nanoseconds most) { return random() % (most + 1); };
  std::vector<Stretch> all;
  for (std::size_t i = 0; i < count; ++i) {
    const Nanoseconds held_ns = upto(Nanoseconds(1) << upto(36));
    all.push_back({held_ns, upto(2 * held_ns), upto(2 * held_ns), i % 2 == 0});
  }
  return all;
}

constexpr Proof proofs[] = {Proof::none, Proof::held_time, Proof::processor_time};

TEST_CASE("a lease is charged by its evidence") {
  for (const Row& row : rows) {
    INFO(row.what);
    const Charge got = charge(row.stretch, row.proof);
    CHECK(got.charged_ns == row.wanted.charged_ns);
    CHECK(got.build_ns == row.wanted.build_ns);
  }
}

TEST_CASE("charged and build are never less than the floor, and charged is never more than what was held") {
  for (const Stretch& stretch : random_stretches(20'000)) {
    const Charge got = charge(stretch, Proof::processor_time);
    REQUIRE(got.sum_ns() >= stretch.floor_ns);
    REQUIRE(got.charged_ns <= stretch.held_ns);
    REQUIRE(charge(stretch, Proof::held_time).charged_ns <= stretch.held_ns);
  }
}

TEST_CASE("more evidence never makes a lease cheaper, but for showing that kernels used all units") {
  for (const Stretch& stretch : random_stretches(20'000)) {
    Stretch more = stretch;
    more.floor_ns += stretch.floor_ns / 3 + 1;
    const Nanoseconds told_ns = std::min(stretch.measured_ns, stretch.held_ns);
    const Nanoseconds off_ns = stretch.waited_for && stretch.floor_ns < told_ns ? told_ns / 10 : 0;
    REQUIRE(charge(more, Proof::processor_time).charged_ns + off_ns >=
            charge(stretch, Proof::processor_time).charged_ns);
    more = stretch;
    more.held_ns += stretch.held_ns / 3 + 1;
    for (const Proof proof : proofs) REQUIRE(charge(more, proof).charged_ns >= charge(stretch, proof).charged_ns);
  }
}

TEST_CASE("a report that is lower than the floor saves nothing, and none at all is let off nothing") {
  for (Stretch stretch : random_stretches(20'000)) {
    const Nanoseconds honest_ns = charge(stretch, Proof::processor_time).sum_ns();
    for (const Nanoseconds lie_ns : {Nanoseconds(0), stretch.measured_ns / 2}) {
      stretch.measured_ns = std::min(lie_ns, stretch.measured_ns);
      REQUIRE(charge(stretch, Proof::processor_time).sum_ns() >= std::min(honest_ns, stretch.floor_ns));
    }
    stretch.measured_ns = 0;
    const Nanoseconds all_ns = stretch.waited_for ? stretch.held_ns : std::min(stretch.floor_ns, stretch.held_ns);
    REQUIRE(charge(stretch, Proof::processor_time).charged_ns == all_ns);
  }
}

// What a liar can gain: the device for the whole of a stretch, of which it uses so much, for the cheapest report about
// it.
double best_gain(Nanoseconds held_ns, Nanoseconds floor_ns = 0) {
  Nanoseconds least_ns = held_ns;
  for (Nanoseconds told_ns = 0; told_ns <= held_ns; told_ns += held_ns / 1000)
    least_ns = std::min(least_ns, charge({held_ns, told_ns, floor_ns, true}, Proof::processor_time).sum_ns());
  return static_cast<double>(held_ns) / static_cast<double>(least_ns);
}

TEST_CASE("the cheapest lie about a turn gains no more than an honest worker's gaps by a twentieth") {
  CHECK(best_gain(5800 * us) < 1.05 * 1.06);  // an honest one holds the device for 1.04 to 1.07 of its kernels' time
  CHECK(best_gain(100 * ms) < 1.05 * 1.06);
  CHECK(best_gain(540 * us) < 1.05 * 1.14);  // of leases of two kernels of 200 us: 1.12 to 1.13
  CHECK(best_gain(10 * us) < 1.5);           // the shortest are let off no more than their part
}

TEST_CASE(
    "a liar whose kernels leave a third of the units idle all the time gains no more, and nobody computes for less") {
  for (const Nanoseconds used_ns : {5800 * us / 64, 5800 * us / 2, 5800 * us * 5 / 8})
    CHECK(best_gain(5800 * us, used_ns) < 1.05 * 1.06);
  // What looks like a program that waits for each kernel is let off no more than one: those hold it for 1.15 to 1.2.
  for (Nanoseconds used_ns = 0; used_ns <= 5800 * us; used_ns += 58 * us) {
    CHECK(best_gain(5800 * us, used_ns) < 1.05 * 1.16);
    CHECK(best_gain(5800 * us, used_ns) * static_cast<double>(used_ns) < 5800.1 * us);
  }
}

TEST_CASE("without a lease all is build: processor time, or what commands took that went on") {
  CHECK(build_ns(0, 5 * ms, 100 * ms) == 5 * ms);
  CHECK(build_ns(7 * ms, 5 * ms, 100 * ms) == 7 * ms);
  CHECK(build_ns(700 * ms, 5 * ms, 100 * ms) == 100 * ms);  // a report that cannot be
  CHECK(floor_of(10 * ms, 4) == 2'500 * us);
}

}  // namespace
}  // namespace sluice::metering
