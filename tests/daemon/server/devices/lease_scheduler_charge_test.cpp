// What leases cost.
#include "tests/daemon/server/devices/lease_scheduler_rig.h"

namespace sluice::test {
namespace {

TEST_CASE("a session that is closed with a kernel in flight is charged for it, and closing says how much") {
  PlayedBinding session(1);
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.proved("alice")).ok());
  begin_command(session);
  pass(30 * ns_per_ms);
  session.clock->used_ns = 40 * ns_per_ms;  // and reports nothing
  const metering::Account account = scheduler.close(session.id);
  CHECK(account.books.charged_ns == 20 * ns_per_ms);
  CHECK(account.books.measured_ns == 0);
  CHECK(account.cpu_ns == 40 * ns_per_ms);
}

TEST_CASE("processor time without a lease is build, and what was used before the session began is not its own") {
  PlayedBinding session(1);
  session.clock->used_ns = ns_per_s;
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.proved("alice")).ok());
  session.clock->used_ns += 10 * ns_per_ms;
  CHECK(scheduler.settle_books(session.id).books == metering::Books{0, 0, 5 * ns_per_ms});
  session.clock->used_ns += 10 * ns_per_ms;
  take_lease(session);
  CHECK(scheduler.close(session.id).books == metering::Books{0, 0, 10 * ns_per_ms});
}

TEST_CASE(
    "a worker that keeps another waiting is charged for the time, and the sum is no less than its processor time") {
  PlayedBinding a(1), b(2);
  Scheduler scheduler;
  REQUIRE(scheduler.open(a.proved("alice")).ok());
  REQUIRE(scheduler.open(b.proved("bob")).ok());
  begin_command(a);
  b.holder.want();
  REQUIRE(comes_true([&] { return a.holder.asked_back(); }));
  const Nanoseconds asked_ns = now_ns();
  pass(50 * ns_per_ms);
  a.clock->used_ns = 50 * ns_per_ms;
  const Nanoseconds held_ns = now_ns() - asked_ns;
  const Nanoseconds closed_ns = now_ns();
  const metering::Books books = scheduler.close(a.id).books;
  CHECK(books.charged_ns >= held_ns);
  CHECK(scheduler.why(b.id)->charged_ns <= now_ns() - closed_ns);  // for its own lease, not for its wait
}

TEST_CASE("a worker whose processor time can no longer be read is charged for all of its lease") {
  PlayedBinding session(1);
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.proved("alice")).ok());
  take_lease(session);
  const Nanoseconds before = now_ns();
  session.clock->lost = true;
  pass(20 * ns_per_ms);
  const Nanoseconds passed_ns = now_ns() - before;
  CHECK(scheduler.close(session.id).books.charged_ns >= passed_ns);
}

TEST_CASE("a session of an earlier daemon goes on with its books, and what it used meanwhile is build") {
  PlayedBinding session(1);
  session.clock->used_ns = 5 * ns_per_s;
  session.meter.device_ns = 3 * ns_per_s;
  auto opening = session.proved("alice");
  opening.before = metering::Account{{3 * ns_per_s, 4 * ns_per_s, ns_per_s}, 4 * ns_per_s, now_ns() - ns_per_s};
  Scheduler scheduler;
  REQUIRE(scheduler.open(opening).ok());
  const metering::Account account = scheduler.close(session.id);
  CHECK(account.books.charged_ns == 4 * ns_per_s);
  CHECK(account.books.build_ns == ns_per_s + ns_per_s / 2);
  CHECK(account.books.measured_ns == 3 * ns_per_s);
}

TEST_CASE("a worker that resets its counters is charged no less") {
  PlayedBinding session(1);
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.proved("alice")).ok());
  take_lease(session);
  session.meter.device_ns = 5 * ns_per_ms;
  pass(10 * ns_per_ms);
  CHECK(scheduler.settle_books(session.id).books.measured_ns == 5 * ns_per_ms);
  session.meter.device_ns = 0;
  CHECK(scheduler.close(session.id).books == metering::Books{5 * ns_per_ms, 5 * ns_per_ms, 0});
}

TEST_CASE("a capped worker that uses up its budget and says nothing is asked back, though nobody waits") {
  PlayedBinding session(1);
  Scheduler scheduler;
  ComputeTerms capped;
  capped.cap = MilliGpu{100};
  REQUIRE(scheduler.open(session.proved("alice", capped)).ok());
  begin_command(session);
  session.clock->used_ns = 20 * ns_per_ms;
  CHECK(comes_true([&] { return session.holder.asked_back(); }));
  CHECK(session.holder.end(true));
  CHECK(comes_true([&] { return scheduler.state(session) == Why::State::held_by_cap; }));
}

}  // namespace
}  // namespace sluice::test
