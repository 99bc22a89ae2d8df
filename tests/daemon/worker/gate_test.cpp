#include "daemon/worker/gate.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "base/unique_fd.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds ms = ns_per_ms;
constexpr Nanoseconds far_ns = 1000 * ns_per_s;

struct GateRig {
  TermsPage terms{};
  ReportPage report{};
  UniqueFd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  LeaseGrantor grantor{terms, report};
  LeaseHolder lease{terms, report, kick.get()};
  metering::MeterPage& meter = report.meter;
  std::atomic<int> wakes{0};
  Gate gate{lease, meter, [this] { ++wakes; }};

  // The device is done with a command that was expected to take this long, and took it.
  void ended(Nanoseconds estimate_ns) {
    meter.device_ns += estimate_ns;
    gate.ended(estimate_ns);
  }
  int woken_by(Nanoseconds estimate_ns) {
    const int before = wakes;
    ended(estimate_ns);
    return wakes - before;
  }
};

LeaseTerms alone() {
  LeaseTerms terms;
  terms.window_ns = 10 * ms;
  return terms;
}

LeaseTerms shared() { return {4 * ms, now_ns() + far_ns, 4 * ms, 4 * ms, 100 * ns_per_us}; }

TEST_CASE("without a lease nothing is admitted; a wish is written when something waits") {
  GateRig rig;
  CHECK_FALSE(rig.gate.admit(1));
  CHECK_FALSE(rig.grantor.wants());
  CHECK(rig.gate.piece_ns() == 0);
  rig.gate.set_waiting(true);
  CHECK(rig.grantor.wants());
  rig.grantor.grant(alone());
  CHECK(rig.gate.admit(1));
}

TEST_CASE("alone, short commands fill the window, and two long ones may be in flight") {
  GateRig rig;
  rig.grantor.grant(alone());
  for (int i = 0; i < 10; ++i) CHECK(rig.gate.admit(ms));
  CHECK_FALSE(rig.gate.admit(ms));
  rig.ended(ms);
  CHECK(rig.gate.admit(ms));
  for (int i = 0; i < 10; ++i) rig.ended(ms);
  CHECK(rig.gate.admit(100 * ms));
  CHECK(rig.gate.admit(100 * ms));
  CHECK_FALSE(rig.gate.admit(100 * ms));
  rig.ended(100 * ms);
  CHECK(rig.gate.admit(100 * ms));
}

TEST_CASE("a session that is about to move has little in flight, and as much as ever once it stays") {
  GateRig rig;
  rig.grantor.grant(alone());
  CHECK(rig.gate.admit(4 * ms));
  CHECK(rig.gate.admit(4 * ms));
  CHECK_FALSE(rig.gate.bound_in_flight(5 * ms));
  rig.gate.set_waiting(true);
  rig.ended(4 * ms);
  CHECK(rig.gate.bound_in_flight(5 * ms));
  CHECK_FALSE(rig.gate.admit(2 * ms));
  CHECK(rig.gate.admit(ms));
  CHECK(rig.woken_by(4 * ms) == 1);
  rig.ended(ms);
  CHECK(rig.gate.admit(100 * ms));  // alone
  CHECK(rig.gate.bound_in_flight(5 * ms));
  CHECK_FALSE(rig.gate.admit(ms));
  CHECK(rig.gate.bound_in_flight(UINT64_MAX));
  CHECK(rig.gate.admit(ms));
}

TEST_CASE("shared, a long command goes alone") {
  GateRig rig;
  LeaseTerms terms = shared();
  terms.budget_ns = far_ns;
  rig.grantor.grant(terms);
  CHECK(rig.gate.admit(100 * ms));
  CHECK_FALSE(rig.gate.admit(1));
  rig.ended(100 * ms);
  CHECK(rig.gate.admit(2 * ms));
  CHECK(rig.gate.admit(2 * ms));
  CHECK_FALSE(rig.gate.admit(1));
}

TEST_CASE("the first command of a lease goes whatever the budget; with the budget used up the lease is given back") {
  GateRig rig;
  rig.grantor.grant(shared());
  CHECK(rig.gate.admit(100 * ms));
  rig.ended(100 * ms);
  CHECK_FALSE(rig.gate.admit(1));
  CHECK_FALSE(rig.grantor.held());
  CHECK(rig.grantor.wants());
}

TEST_CASE("commands that are in flight count against the budget, and the lease goes when they have ended") {
  GateRig rig;
  LeaseTerms terms = alone();
  terms.budget_ns = 3 * ms;
  rig.grantor.grant(terms);
  CHECK(rig.gate.admit(ms));
  CHECK(rig.gate.admit(ms));
  CHECK(rig.gate.admit(ms));
  CHECK_FALSE(rig.gate.admit(ms));
  rig.gate.set_waiting(true);
  CHECK(rig.grantor.held());
  for (int i = 0; i < 3; ++i) rig.ended(ms);
  CHECK_FALSE(rig.grantor.held());
  CHECK(rig.grantor.wants());
}

TEST_CASE("the next lease's budget starts anew") {
  GateRig rig;
  for (int turn = 0; turn < 3; ++turn) {
    rig.grantor.grant(shared());
    CHECK(rig.gate.admit(3 * ms));
    rig.ended(3 * ms);
    CHECK(rig.gate.admit(2 * ms));  // begins within it
    rig.ended(2 * ms);
    CHECK_FALSE(rig.gate.admit(ms));
    CHECK_FALSE(rig.grantor.held());
  }
}

TEST_CASE("after the lease's last moment nothing is submitted, and it is given back") {
  GateRig rig;
  LeaseTerms terms = shared();
  terms.until_ns = now_ns();
  rig.grantor.grant(terms);
  CHECK_FALSE(rig.gate.admit(1));
  CHECK_FALSE(rig.grantor.held());
  CHECK(rig.grantor.wants());
}

TEST_CASE("a lease that is asked back admits nothing more, and its end says whether more waits") {
  GateRig rig;
  const bool waiting = GENERATE(true, false);
  rig.grantor.grant(alone());
  REQUIRE(rig.gate.admit(ms));
  CHECK_FALSE(rig.grantor.ask_back());
  CHECK_FALSE(rig.gate.admit(ms));
  rig.gate.set_waiting(waiting);
  rig.ended(ms);
  CHECK_FALSE(rig.grantor.held());
  CHECK(rig.grantor.wants() == waiting);
}

TEST_CASE("launches are cut as the lease says, if there is one") {
  GateRig rig;
  rig.grantor.grant(shared());
  CHECK(rig.gate.piece_ns() == 4 * ms);
  CHECK(rig.grantor.ask_back());
  CHECK(rig.gate.piece_ns() == 0);
  rig.grantor.grant(alone());
  CHECK(rig.gate.piece_ns() == 0);
}

TEST_CASE("the end of a command wakes the command thread only where it matters") {
  GateRig rig;
  rig.grantor.grant(alone());
  for (int i = 0; i < 10; ++i) REQUIRE(rig.gate.admit(ms));
  CHECK(rig.woken_by(ms) == 0);  // nothing waits
  rig.gate.set_waiting(true);
  for (int i = 0; i < 3; ++i) CHECK(rig.woken_by(ms) == 0);  // more than half of the window is left
  for (int i = 0; i < 6; ++i) CHECK(rig.woken_by(ms) == 1);
}

TEST_CASE("the last end of all wakes the command thread if an idle lease is to be given back") {
  GateRig rig;
  rig.grantor.grant(alone());
  REQUIRE(rig.gate.admit(ms));
  CHECK(rig.woken_by(ms) == 0);
  REQUIRE(rig.grantor.ask_back());
  rig.grantor.grant(shared());
  REQUIRE(rig.gate.admit(ms));
  REQUIRE(rig.gate.admit(ms));
  CHECK(rig.woken_by(ms) == 0);
  CHECK(rig.woken_by(ms) == 1);
}

TEST_CASE("an idle lease that others want is given back after its linger, and no sooner") {
  GateRig rig;
  LeaseTerms terms = shared();
  terms.linger_ns = far_ns;
  rig.grantor.grant(terms);
  const Nanoseconds now = now_ns() + ms;
  const Nanoseconds again = rig.gate.rest(now);
  CHECK(again > now);
  CHECK(again <= now + far_ns);
  CHECK(rig.grantor.held());
  CHECK(rig.gate.rest(again) == wire::no_deadline);
  CHECK_FALSE(rig.grantor.held());
  CHECK_FALSE(rig.grantor.wants());
}

TEST_CASE("a lease that nobody else wants may lie idle, and so may a busy one") {
  GateRig rig;
  rig.grantor.grant(alone());
  CHECK(rig.gate.rest(now_ns() + far_ns) == wire::no_deadline);
  CHECK(rig.grantor.held());
  REQUIRE(rig.grantor.ask_back());
  rig.grantor.grant(shared());
  REQUIRE(rig.gate.admit(ms));
  CHECK(rig.gate.rest(now_ns() + far_ns) == wire::no_deadline);
  CHECK(rig.grantor.held());
}

TEST_CASE("an idle lease is given back while the worker compiles, and one in use when its last command ends") {
  GateRig rig;
  rig.grantor.grant(alone());
  REQUIRE(rig.gate.admit(ms));
  rig.gate.begin_compile();
  CHECK(rig.wakes == 1);
  CHECK(rig.gate.rest(now_ns() + ms) == wire::no_deadline);
  CHECK(rig.woken_by(ms) == 1);
  CHECK(rig.gate.rest(now_ns() + ms) == wire::no_deadline);
  CHECK_FALSE(rig.grantor.held());
  rig.gate.end_compile();
  rig.grantor.grant(alone());
  REQUIRE(rig.gate.admit(ms));
  CHECK(rig.woken_by(ms) == 0);
  CHECK(rig.gate.rest(now_ns() + far_ns) == wire::no_deadline);
  CHECK(rig.grantor.held());
}

TEST_CASE("without a daemon the worker gives itself leases") {
  GateRig rig;
  CHECK_FALSE(rig.gate.admit(ms));
  rig.gate.set_waiting(true);
  rig.gate.set_daemon(false);
  CHECK(rig.wakes == 1);
  for (int i = 0; i < 100; ++i) {
    CHECK(rig.gate.admit(ms));
    rig.ended(ms);
  }
  rig.gate.set_daemon(true);
  CHECK_FALSE(rig.gate.admit(ms));
  CHECK(rig.grantor.wants());
  rig.grantor.grant(alone());
  CHECK(rig.gate.admit(ms));
}

TEST_CASE("without a daemon a worker keeps to the cap that it had: what it used is paid for by waiting") {
  GateRig rig;
  rig.grantor.set_cap(250);
  rig.gate.set_daemon(false);
  const Nanoseconds before = now_ns();
  REQUIRE(rig.gate.admit(40 * ms));
  rig.ended(40 * ms);
  rig.gate.set_waiting(true);
  CHECK_FALSE(rig.gate.admit(ms));  // gives the lease back
  CHECK_FALSE(rig.grantor.held());
  CHECK_FALSE(rig.gate.admit(ms));
  const Nanoseconds again = rig.gate.rest(now_ns());
  CHECK(again >= before + 160 * ms);
  CHECK(again <= now_ns() + 160 * ms);
  while (now_ns() < again) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(rig.gate.admit(ms));
}

TEST_CASE("when the lease comes back while no daemon lives, the command thread is woken: no grant will do it") {
  GateRig rig;
  const bool asked_by_daemon = GENERATE(true, false);
  if (asked_by_daemon) {
    rig.grantor.grant(alone());
    REQUIRE(rig.gate.admit(ms));
    CHECK_FALSE(rig.grantor.ask_back());
    rig.gate.set_daemon(false);
  } else {
    rig.grantor.set_cap(100);  // so much for a turn: 2 ms
    rig.gate.set_daemon(false);
    REQUIRE(rig.gate.admit(2 * ms));
  }
  CHECK_FALSE(rig.gate.admit(2 * ms));
  rig.gate.set_waiting(true);
  CHECK(rig.woken_by(2 * ms) == 1);
  CHECK_FALSE(rig.grantor.held());
}

TEST_CASE("while a command's kernel is compiled others may have the device, and nothing of the session goes") {
  GateRig rig;
  rig.grantor.grant(shared());
  REQUIRE(rig.gate.admit(ms));
  rig.gate.begin_launch_compile();
  CHECK_FALSE(rig.grantor.held());
  CHECK_FALSE(rig.gate.admit(ms));
  rig.gate.set_waiting(true);
  CHECK_FALSE(rig.grantor.wants());  // what waits must wait for the compiler, too
  std::atomic<bool> back{false};
  std::thread compiler([&] {
    rig.gate.end_launch_compile();
    back = true;
  });
  while (!rig.grantor.wants()) std::this_thread::yield();
  CHECK_FALSE(back);
  rig.grantor.grant(shared());
  compiler.join();
  CHECK(rig.wakes > 0);
  CHECK(rig.gate.admit(ms));
}

TEST_CASE("of two that are compiled neither takes the device before both are ready") {
  GateRig rig;
  rig.grantor.grant(shared());
  REQUIRE(rig.gate.admit(ms));
  REQUIRE(rig.gate.admit(ms));
  rig.gate.begin_launch_compile();
  rig.gate.begin_launch_compile();
  std::atomic<bool> back{false};
  std::thread first([&] {
    rig.gate.end_launch_compile();
    back = true;
  });
  // A lease that was wanted before is of no use now, and whoever asks for it has it.
  rig.grantor.grant(shared());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(back);
  CHECK_FALSE(rig.gate.admit(ms));
  CHECK(rig.grantor.ask_back());
  CHECK_FALSE(rig.grantor.wants());
  std::thread second([&] { rig.gate.end_launch_compile(); });
  while (!rig.grantor.wants()) std::this_thread::yield();
  CHECK_FALSE(back);
  rig.grantor.grant(shared());
  first.join();
  second.join();
  CHECK(rig.gate.admit(ms));
}

TEST_CASE("what was compiled goes on without a daemon, whether it dies before or after") {
  GateRig rig;
  const bool dies_first = GENERATE(true, false);
  rig.grantor.grant(shared());
  REQUIRE(rig.gate.admit(ms));
  rig.gate.begin_launch_compile();
  if (dies_first) rig.gate.set_daemon(false);
  const int before = rig.wakes;
  std::thread compiler([&] { rig.gate.end_launch_compile(); });
  while (!rig.grantor.wants()) std::this_thread::yield();
  if (!dies_first) rig.gate.set_daemon(false);
  while (rig.wakes == before) std::this_thread::yield();
  CHECK(rig.gate.rest(now_ns()) == wire::no_deadline);  // as the command thread does once it is awake
  compiler.join();
  CHECK(rig.lease.held());
}

// The command thread as Session has it: it tries, says that it waits, tries again, sleeps until it is woken or granted.
TEST_CASE("a command thread that sleeps while commands wait is always woken again") {
  GateRig rig;
  std::atomic<int> in_flight{0}, sum{0};
  std::atomic<bool> over{false};
  constexpr int commands = 20'000;
  std::thread device([&] {
    while (!over || in_flight != 0) {
      if (in_flight == 0) {
        std::this_thread::yield();
        continue;
      }
      --in_flight;
      rig.ended(ms);
    }
  });
  std::thread daemon([&] {
    for (unsigned turn = 0; !over; ++turn) {
      if (!rig.grantor.held() && rig.grantor.wants()) rig.grantor.grant(turn % 2 == 0 ? alone() : shared());
      if (turn % 8 == 0 && rig.grantor.held()) (void)rig.grantor.ask_back();
      std::this_thread::yield();
    }
  });
  bool slept_on = false;
  for (int seen = rig.wakes; sum < commands && !slept_on;) {
    const std::uint32_t granted = rig.gate.changed();
    const auto go_on = [&] {
      while (sum < commands && rig.gate.admit(ms)) ++in_flight, ++sum;
      rig.gate.set_waiting(sum < commands);
    };
    go_on();
    if (sum < commands) go_on();
    const Nanoseconds deadline_ns = now_ns() + 20 * ns_per_s;
    while (sum < commands && rig.wakes == seen && rig.gate.changed() == granted && !slept_on) {
      slept_on = now_ns() > deadline_ns;
      std::this_thread::yield();
    }
    seen = rig.wakes;
  }
  over = true;
  device.join();
  daemon.join();
  CHECK_FALSE(slept_on);
}

}  // namespace
}  // namespace sluice::worker
