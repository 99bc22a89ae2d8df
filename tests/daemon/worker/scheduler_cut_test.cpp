// Launches that go in pieces.
#include <algorithm>
#include <random>

#include "scheduler_rig.h"

namespace sluice::worker {
namespace {

// Of a launch in five pieces that each ran for 70 ns, the first from 1000 on and the last from 1400 on.
void check_five_pieces(CutRig& rig, ObjectId event) {
  const wire::EventSlot& slot = rig.slot_of(event);
  CHECK(slot.started_ns == 1000);
  CHECK(slot.ended_ns == 1470);
  CHECK(slot.submitted_ns <= slot.started_ns);
  CHECK(rig.meter.device_ns == 5 * 70);
  CHECK(rig.meter.launches == 1);
}

TEST_CASE("a launch longer than a piece goes in pieces that tile it, and ends once") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId kernel = rig.kernel();
  wire::KernelLaunch command;
  command.kernel = kernel;
  command.global_size[0] = 10 * 256, command.global_offset[0] = 1000;
  const ObjectId event = rig.post(queue, command);
  const auto& pieces = rig.device.commands;
  REQUIRE(pieces.size() == 5);
  std::uint64_t at = 1000;
  for (const auto& piece : pieces) {
    CHECK(piece.launch.global_offset[0] == at);
    at += piece.launch.global_size[0];
    CHECK(piece.with_event == (&piece == &pieces.back()));
  }
  CHECK(at == 1000 + 10 * 256);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    CHECK(rig.stage(event) != complete);
    CHECK(rig.timeline().completed == 0);
    rig.device.complete(i, Outcome::ok, {100 + i, 1000 + 100 * i, 1000 + 100 * i + 70});
  }
  CHECK(rig.stage(event) == complete);
  CHECK(rig.timeline().completed == 1);
  check_five_pieces(rig, event);
  CHECK(rig.meter.commands == 1);
}

TEST_CASE("pieces may be reported in any order: first start, last end, one completion") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId event = rig.launch(queue, rig.kernel(), 5 * 256);
  const std::size_t count = rig.device.commands.size();
  REQUIRE(count == 5);
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  std::shuffle(order.begin(), order.end(), std::mt19937(GENERATE(range(1u, 30u))));
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(rig.timeline().completed == 0);
    // Submitted one after the other as there was room: the last long after the first had started.
    const std::size_t which = order[i];
    rig.device.complete(which, Outcome::ok, {900 + 100 * which, 1000 + 100 * which, 1000 + 100 * which + 70});
  }
  CHECK(rig.timeline().completed == 1);
  check_five_pieces(rig, event);
}

TEST_CASE("a piece that fails fails the launch, once") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId event = rig.launch(queue, rig.kernel(), 5 * 256);
  REQUIRE(rig.device.commands.size() == 5);
  const std::size_t bad = GENERATE(0u, 2u, 4u);
  for (std::size_t i = 0; i < 5; ++i) rig.device.complete(i, i == bad ? Outcome::out_of_resources : Outcome::ok);
  CHECK(rig.stage(event) == static_cast<int>(Outcome::out_of_resources));
  CHECK(rig.meter.failures == 1);
  CHECK(rig.meter.commands == 1);
  CHECK(rig.meter.launches == 0);
  CHECK(rig.timeline().completed == 1);
}

TEST_CASE("a piece that the driver does not take ends the launch when those before it have ended") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  rig.shut();
  LeaseTerms terms = cut_at(DurationEstimator::unknown_ns / 5);
  terms.until_ns = now_ns() + 1000 * ns_per_s;
  terms.window_ns = DurationEstimator::unknown_ns / 4;  // one piece at a time
  rig.open.grantor.grant(terms);
  const ObjectId event = rig.launch(queue, rig.kernel(), 5 * 256);
  REQUIRE(rig.device.commands.size() == 1);
  // The estimate stays, so that more is to come.
  rig.device.complete(0, Outcome::ok, {0, 0, DurationEstimator::unknown_ns / 5});
  REQUIRE(rig.path.scheduler().pump().ok());
  REQUIRE(rig.device.commands.size() == 2);
  rig.device.answer = Outcome::out_of_resources;
  rig.device.complete(1, Outcome::ok, {0, 0, DurationEstimator::unknown_ns / 5});
  REQUIRE(rig.path.scheduler().pump().ok());
  CHECK(rig.device.commands.size() == 2);
  CHECK(rig.stage(event) == static_cast<int>(Outcome::out_of_resources));
  CHECK(rig.completions.in_flight() == 0);
  CHECK(rig.meter.commands == 1);
}

TEST_CASE("a launch that was half done when the program went ends when its pieces do") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  rig.shut();
  LeaseTerms terms = cut_at(DurationEstimator::unknown_ns / 5);
  terms.until_ns = now_ns() + 1000 * ns_per_s;
  terms.window_ns = DurationEstimator::unknown_ns / 4;
  rig.open.grantor.grant(terms);
  rig.launch(queue, rig.kernel(), 5 * 256);
  REQUIRE(rig.device.commands.size() == 1);
  rig.path.scheduler().drop_held();
  CHECK(rig.completions.in_flight() == 1);
  rig.device.complete(0);
  CHECK(rig.completions.in_flight() == 0);
}

TEST_CASE("what can tell, short launches and those of out-of-order queues go whole") {
  CutRig never(backend::Divisible::never), cut;
  never.launch(never.queue(), never.kernel(), 5 * 256);
  CHECK(never.device.commands.size() == 1);
  cut.launch(cut.queue(true), cut.kernel(), 5 * 256);
  CHECK(cut.device.commands.size() == 1);
  cut.device.complete(0);
  cut.shut();
  cut.open.grantor.grant(cut_at(2 * DurationEstimator::unknown_ns));
  cut.launch(cut.queue(), cut.kernel(), 5 * 256);
  CHECK(cut.device.commands.size() == 2);
}

TEST_CASE("the length of a launch is learnt from its pieces") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId kernel = rig.kernel();
  rig.launch(queue, kernel, 5 * 256);
  for (std::size_t i = 0; i < 5; ++i) rig.device.complete(i, Outcome::ok, {0, 1000, 1000 + 20 * ns_per_us});
  // A hundred microseconds in all, so less than a piece of 200.
  rig.launch(queue, kernel, 5 * 256);
  CHECK(rig.device.commands.size() == 6);
}

}  // namespace
}  // namespace sluice::worker
