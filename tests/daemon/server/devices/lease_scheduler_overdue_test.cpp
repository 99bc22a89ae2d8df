// Leases that do not come back in time, and those of an earlier daemon.
#include <poll.h>

#include "tests/daemon/server/devices/lease_scheduler_rig.h"

namespace sluice::test {
namespace {

TEST_CASE("a holder that does not give back is reported once, after the time that was set, and no sooner") {
  PlayedBinding a(1), b(2);
  LeaseScheduler::Settings settings;
  settings.overdue_ns = 300 * ns_per_ms;
  Scheduler scheduler(settings);
  open_both(scheduler, a, b);
  begin_command(a);
  const Nanoseconds before = now_ns();
  b.holder.want();
  pollfd overdue{scheduler.overdue.fd(), POLLIN, 0};
  REQUIRE(::poll(&overdue, 1, 30'000) == 1);
  CHECK(now_ns() - before >= settings.overdue_ns);
  const auto reports = scheduler.take_overdue();
  scheduler.overdue.clear();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].binding == a.id);
  CHECK(reports[0].waited_ns >= settings.overdue_ns);
  b.holder.want();
  scheduler.set_terms("bob", {});
  CHECK(::poll(&overdue, 1, 500) == 0);
  CHECK(scheduler.take_overdue().empty());
}

TEST_CASE("a holder that gives back in time is not reported") {
  PlayedBinding a(1), b(2);
  LeaseScheduler::Settings settings;
  settings.overdue_ns = 2 * ns_per_s;
  Scheduler scheduler(settings);
  open_both(scheduler, a, b);
  begin_command(a);
  b.holder.want();
  REQUIRE(comes_true([&] { return a.holder.asked_back(); }));
  REQUIRE(a.holder.end(false));
  CHECK(comes_true([&] { return b.holder.held(); }));
  pollfd overdue{scheduler.overdue.fd(), POLLIN, 0};
  CHECK(::poll(&overdue, 1, 2500) == 0);
}

// ---- after another daemon ----

TEST_CASE("a lease of an earlier daemon is asked back before anybody gets one") {
  PlayedBinding old(1), fresh(2);
  old.holder.grant_oneself({});
  REQUIRE(old.holder.begin());
  Scheduler scheduler;
  REQUIRE(scheduler.open(old.adoption("alice")).ok());
  old.holder.follow_daemon(false);
  CHECK(old.holder.asked_back());
  fresh.holder.want();
  REQUIRE(scheduler.open(fresh.opening("bob")).ok());
  CHECK_FALSE(fresh.holder.held());
  const bool closed = GENERATE(false, true);
  if (closed) scheduler.close(old.id);
  else CHECK(old.holder.end(false));
  CHECK(comes_true([&] { return fresh.holder.held(); }));
}

TEST_CASE("an idle lease that a worker granted itself is over as soon as it follows the daemon") {
  PlayedBinding old(1), fresh(2);
  old.holder.grant_oneself({});
  Scheduler scheduler;
  REQUIRE(scheduler.open(old.adoption("alice")).ok());
  REQUIRE(scheduler.open(fresh.opening("bob")).ok());
  fresh.holder.want();
  pass(50 * ns_per_ms);
  CHECK_FALSE(fresh.holder.held());  // the worker may still begin something
  old.holder.follow_daemon(false);
  CHECK(comes_true([&] { return fresh.holder.held(); }));
  old.holder.want();
  CHECK(comes_true([&] { return old.holder.held(); }));
}

TEST_CASE("a worker that does not give an earlier daemon's lease back is reported") {
  PlayedBinding old(1);
  old.holder.grant_oneself({});
  REQUIRE(old.holder.begin());
  LeaseScheduler::Settings settings;
  settings.overdue_ns = 200 * ns_per_ms;
  Scheduler scheduler(settings);
  pass(50 * ns_per_ms);  // so that the scheduler's thread sleeps already
  REQUIRE(scheduler.open(old.adoption("alice")).ok());
  pollfd overdue{scheduler.overdue.fd(), POLLIN, 0};
  REQUIRE(::poll(&overdue, 1, 30'000) == 1);
  const auto reports = scheduler.take_overdue();
  scheduler.overdue.clear();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].binding == old.id);
}

}  // namespace
}  // namespace sluice::test
