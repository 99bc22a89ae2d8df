#include "daemon/server/devices/device_health.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::server;

namespace {

constexpr Nanoseconds s = ns_per_s;

DeviceHealth failed(Nanoseconds now = 100 * s) {
  DeviceHealth health(60 * s);
  for (std::uint32_t i = 0; i < DeviceHealth::failed_starts_max; ++i) health.start_failed("no driver", now);
  return health;
}

}  // namespace

TEST_CASE("a device that nothing is known of is ok, and is probed once nothing has shown for a while that it works") {
  DeviceHealth health(60 * s, 100 * s);
  CHECK(health.state() == Health::ok);
  CHECK(health.probe_due_ns() == 160 * s);
  health.worked(130 * s);
  CHECK(health.probe_due_ns() == 190 * s);
  CHECK_FALSE(health.started(140 * s));
  CHECK(health.probe_due_ns() == 200 * s);
  CHECK_FALSE(health.probe_succeeded(200 * s));
  CHECK(health.probe_due_ns() == 260 * s);
}

TEST_CASE("what sessions say puts off a probe, but not for ever") {
  DeviceHealth health(60 * s, 0);
  for (Nanoseconds now = 50 * s; now <= 2000 * s; now += 50 * s) health.worked(now);
  CHECK(health.probe_due_ns() == DeviceHealth::put_off_max * 60 * s);
}

TEST_CASE("without an interval a device is probed only in doubt") {
  DeviceHealth health(0, 100 * s);
  CHECK_FALSE(health.probe_due_ns().has_value());
  health.start_failed("no driver", 200 * s);
  CHECK(health.probe_due_ns() == 200 * s);
}

TEST_CASE("a start that fails makes a device suspect, three in a row make it fail") {
  DeviceHealth health(60 * s);
  CHECK(health.start_failed("no driver", 1 * s));
  CHECK(health.state() == Health::suspect);
  CHECK(health.reason() == "a worker could not be started: no driver");
  CHECK(health.takes_slices());
  CHECK_FALSE(health.start_failed("no driver", 2 * s));
  CHECK(health.start_failed("no driver", 3 * s));
  CHECK(health.state() == Health::failed);
  CHECK(health.reason() == "3 workers in a row could not be started: no driver");
  CHECK(health.since_ns() == 3 * s);
  CHECK_FALSE(health.takes_slices());
  CHECK_FALSE(health.start_failed("no driver", 4 * s));
}

TEST_CASE("starts that failed long ago are forgotten") {
  DeviceHealth health(60 * s);
  for (Nanoseconds now = 0; now < 10'000 * s; now += DeviceHealth::failures_forgotten_ns + 1)
    health.start_failed("now and then", now);
  CHECK(health.state() == Health::suspect);
}

TEST_CASE("workers that start and die at once make a device fail, although probes succeed in between") {
  DeviceHealth health(60 * s);
  for (std::uint32_t i = 1; i < DeviceHealth::failed_starts_max; ++i) {
    health.started(i * s);
    health.start_failed("died", i * s);
    CHECK(health.probe_succeeded(i * s));
  }
  health.start_failed("died", 9 * s);
  CHECK(health.state() == Health::failed);
}

TEST_CASE("a device that failed comes back when a probe succeeds, with a clean record") {
  DeviceHealth health = failed();
  CHECK(health.probe_succeeded(130 * s));
  CHECK(health.state() == Health::ok);
  CHECK(health.reason().empty());
  health.start_failed("once", 131 * s);
  CHECK(health.state() == Health::suspect);
}

TEST_CASE("a device that failed is suspect once a worker could be started, and is probed at once") {
  DeviceHealth health = failed();
  health.probe_failed("no driver", 110 * s);
  CHECK(health.started(120 * s));
  CHECK(health.state() == Health::suspect);
  CHECK(health.probe_due_ns() == 120 * s);
}

TEST_CASE("a probe that fails makes a device suspect, a second one makes it fail") {
  DeviceHealth health(60 * s);
  CHECK(health.probe_failed("it hangs", 100 * s));
  CHECK(health.state() == Health::suspect);
  CHECK(health.probe_due_ns() == 102 * s);
  CHECK(health.probe_failed("it hangs", 102 * s));
  CHECK(health.state() == Health::failed);
  CHECK(health.reason() == "it cannot be opened: it hangs");
}

TEST_CASE("a device that is not listed is gone at once, and comes back when it is listed again") {
  DeviceHealth health(60 * s);
  CHECK(health.not_listed("the driver does not list it", 100 * s));
  CHECK(health.state() == Health::gone);
  CHECK_FALSE(health.takes_slices());
  CHECK_FALSE(health.start_failed("no such device", 101 * s));
  CHECK(health.probe_failed("listed, but broken", 110 * s));
  CHECK(health.state() == Health::failed);
  CHECK(health.probe_succeeded(120 * s));
}

TEST_CASE("a device that does not answer is probed less and less often, but within a minute") {
  DeviceHealth health = failed();
  CHECK(health.probe_due_ns() == 100 * s);
  Nanoseconds now = 100 * s, last_wait = 0;
  for (int i = 0; i < 40; ++i) {
    health.probe_failed("no driver", now);
    const Nanoseconds wait = *health.probe_due_ns() - now;
    CHECK(wait >= last_wait);
    CHECK(wait <= DeviceHealth::failed_probe_ns_max);
    last_wait = wait;
    now += wait;
  }
  CHECK(last_wait == DeviceHealth::failed_probe_ns_max);
}

TEST_CASE("workers that crash with sessions make a device suspect and never fail it: their tenants may have done it") {
  DeviceHealth health(60 * s);
  for (std::size_t i = 1; i < DeviceHealth::crashes_max; ++i) CHECK_FALSE(health.crashed("signal 11", 100 * s));
  CHECK(health.crashed("signal 11", 110 * s));
  CHECK(health.state() == Health::suspect);
  CHECK(health.reason() == "3 workers with sessions ended by themselves within a minute: signal 11");
  for (int i = 0; i < 100; ++i) CHECK_FALSE(health.crashed("signal 11", 111 * s));
  CHECK(health.state() == Health::suspect);
  CHECK(health.probe_succeeded(112 * s));
}

TEST_CASE("crashes now and then mean nothing") {
  DeviceHealth health(60 * s);
  for (Nanoseconds now = 0; now < 10'000 * s; now += 31 * s) CHECK_FALSE(health.crashed("signal 11", now));
}
