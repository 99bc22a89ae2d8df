// Who has the lease, and how often the scheduler's thread wakes.
#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "tests/daemon/server/devices/lease_scheduler_rig.h"

namespace sluice::test {
namespace {

TEST_CASE("a session gets the lease when it wants it, with all of an idle device") {
  PlayedBinding session(1);
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.opening("alice")).ok());
  CHECK_FALSE(session.holder.held());
  CHECK(scheduler.state(session) == Why::State::idle);
  take_lease(session);
  CHECK(session.holder.terms().budget_ns == UINT64_MAX);
  CHECK(session.holder.terms().until_ns == UINT64_MAX);
  CHECK(session.holder.terms().linger_ns == UINT64_MAX);
  CHECK(scheduler.state(session) == Why::State::runs);
}

TEST_CASE("a session that wanted before it was opened is heard") {
  PlayedBinding session(1);
  session.holder.want();
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.opening("alice")).ok());
  CHECK(session.holder.held());
}

TEST_CASE("a wish is not lost when it comes again and again while the session is opened and closed") {
  Scheduler scheduler;
  for (std::uint64_t id = 1; id <= 50; ++id) {
    PlayedBinding session(id);
    std::thread worker([&] { session.holder.want(); });
    REQUIRE(scheduler.open(session.opening("alice")).ok());
    CHECK(comes_true([&] { return session.holder.held(); }));
    worker.join();
    scheduler.close({id, 0});
  }
}

TEST_CASE("two busy sessions take turns, and never hold the lease at once") {
  PlayedBinding a(1), b(2);
  Scheduler scheduler;
  open_both(scheduler, a, b);
  Busy busy_a(a), busy_b(b);
  // A page is looked at later than the other: the lease may have gone over between, but not also come back.
  CHECK(comes_true([&] { return busy_a.leases() >= 10 && busy_b.leases() >= 10; }));
  CHECK(scheduler.why({1, 0})->asked_back + scheduler.why({2, 0})->asked_back <=
        scheduler.why({1, 0})->leases + scheduler.why({2, 0})->leases);
}

TEST_CASE("sessions on different devices do not wait for each other") {
  PlayedBinding a(1), b(2);
  Scheduler scheduler;
  REQUIRE(scheduler.open(a.opening("alice")).ok());
  auto other = b.opening("bob");
  other.binding.device = 1;
  REQUIRE(scheduler.open(other).ok());
  a.holder.want();
  b.holder.want();
  CHECK(comes_true([&] { return a.holder.held() && b.holder.held(); }));
}

TEST_CASE("when the holder's session is closed, the lease passes on") {
  PlayedBinding a(1), b(2);
  Scheduler scheduler;
  open_both(scheduler, a, b);
  begin_command(a);
  b.holder.want();
  REQUIRE(comes_true([&] { return a.holder.asked_back(); }));
  CHECK_FALSE(b.holder.held());
  scheduler.close(a.id);
  CHECK(b.holder.held());
  CHECK_FALSE(scheduler.why(a.id).has_value());
  scheduler.close(a.id);
}

// ---- the thread's sleep ----

std::set<int> threads() {
  std::set<int> all;
  DIR* folder = opendir("/proc/self/task");
  REQUIRE(folder != nullptr);
  while (const dirent* entry = readdir(folder))
    if (const int id = std::atoi(entry->d_name); id > 0) all.insert(id);
  closedir(folder);
  return all;
}

std::uint64_t switches_of(int thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/status");
  std::uint64_t sum = 0, value = 0;
  for (std::string word; file >> word;)
    if (word == "voluntary_ctxt_switches:" || word == "nonvoluntary_ctxt_switches:") sum += (file >> value, value);
  return sum;
}

TEST_CASE("while one session is alone with its lease, busy or idle, the scheduler's thread sleeps") {
  PlayedBinding session(1);
  const std::set<int> before = threads();
  Scheduler scheduler;
  int desks_thread = 0;
  for (const int thread : threads())
    if (!before.contains(thread)) desks_thread = thread;
  REQUIRE(desks_thread != 0);
  REQUIRE(scheduler.open(session.opening("alice")).ok());
  take_lease(session);
  pass(50 * ns_per_ms);
  const std::uint64_t switches = switches_of(desks_thread);
  const Nanoseconds end = now_ns() + ns_per_s / 2;
  while (now_ns() < end) {
    REQUIRE(session.holder.begin());
    pass(5 * ns_per_ms);
    REQUIRE_FALSE(session.holder.end(false));
  }
  CHECK(switches_of(desks_thread) == switches);
  CHECK(session.holder.held());
}

// ---- kicks ----

TEST_CASE("a worker that kicks without end costs the scheduler little, and its neighbours nothing") {
  PlayedBinding noisy(1), other(2);
  const std::set<int> before = threads();
  Scheduler scheduler;
  int desks_thread = 0;
  for (const int thread : threads())
    if (!before.contains(thread)) desks_thread = thread;
  REQUIRE(scheduler.open(noisy.opening("alice")).ok());
  REQUIRE(scheduler.open(other.opening("bob")).ok());
  std::atomic<bool> over{false};
  std::thread flood([&] {
    const std::uint64_t one = 1;
    while (!over) (void)!::write(noisy.kick.get(), &one, sizeof one);
  });
  pass(200 * ns_per_ms);
  const std::uint64_t switches = switches_of(desks_thread);
  const Nanoseconds begun = now_ns();
  take_lease(other);
  CHECK(now_ns() - begun < 100 * ns_per_ms);
  pass(500 * ns_per_ms);
  const double seconds = static_cast<double>(now_ns() - begun) / ns_per_s;
  CHECK(static_cast<double>(switches_of(desks_thread) - switches) / seconds < 2500);
  over = true;
  flood.join();
  other.holder.give_back(false);
  take_lease(noisy);  // what it wants is heard in the end
}

TEST_CASE("a session that goes on at another device is charged on both once, and its cap's debt goes with it") {
  PlayedBinding here(1), there(1);
  there.id.device = 1;
  ComputeTerms capped;
  capped.cap = MilliGpu{100};
  Scheduler scheduler;
  REQUIRE(scheduler.open(here.proved("alice", capped)).ok());
  take_lease(here);
  pass(20 * ns_per_ms);
  here.meter.device_ns = 20 * ns_per_ms;
  REQUIRE(scheduler.open(there.proved("alice", capped)).ok());
  there.holder.want();
  const metering::Account last = scheduler.hand_over(here.id, there.id);
  CHECK(last.books.measured_ns == 20 * ns_per_ms);
  CHECK(last.books.charged_ns >= 10 * ns_per_ms);
  CHECK(scheduler.close(here.id).books == metering::Books{});
  const auto why = scheduler.why(there.id);
  REQUIRE(why);
  CHECK(why->charged_ns == 0);
  CHECK(why->cap_debt_ns > 0);
}

}  // namespace
}  // namespace sluice::test
