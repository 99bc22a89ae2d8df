// How a daemon gets by with workers that fail.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;

namespace {

nlohmann::json workers_of(const PoolUnderTest& pool) {
  return pool.ask({{"verb", "status"}}).at("devices")[0].at("workers");
}

std::uint64_t wake_ups(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; file >> word;)
    if (word == "voluntary_ctxt_switches:") {
      std::uint64_t count = 0;
      file >> count;
      return count;
    }
  return 0;
}

}  // namespace

TEST_CASE("as many workers are kept ready as were asked for, also after one was taken or has died") {
  server::Config config;
  config.workers_ready = 3;
  const PoolUnderTest pool(config);
  REQUIRE(pool.wait_until([&] { return workers_of(pool).at("ready") == 3; }));
  const Granted granted = attach(pool);
  REQUIRE(pool.wait_until([&] { return workers_of(pool).at("ready") == 3 && workers_of(pool).at("serving") == 1; }));
  CHECK(pool.workers().size() == 4);
}

TEST_CASE("a worker that crashes at its start is tried again, later and later, and the reason is shown") {
  PoolUnderTest pool({}, "crash");
  REQUIRE(pool.wait_until([&] { return workers_of(pool).contains("failure"); }));
  CHECK(workers_of(pool).at("failure") == "worker exited with status 3");
  CHECK(pool.wait_until([&] { return workers_of(pool).at("retry_in_ns") > 600 * ns_per_ms; }));
  pool.behave("");
  REQUIRE(pool.wait_until([&] { return workers_of(pool).at("ready") == 2; }));
  CHECK_FALSE(workers_of(pool).contains("failure"));
  CHECK(attach(pool).reply.granted == 1);
}

TEST_CASE("what a driver says about its failure is shown") {
  const PoolUnderTest pool({}, "broken");
  REQUIRE(pool.wait_until([&] { return workers_of(pool).contains("failure"); }));
  CHECK(workers_of(pool).at("failure") == "the driver is on fire");
}

TEST_CASE("workers that die as soon as they are ready are not started in a spin") {
  const PoolUnderTest pool({}, "fragile");
  // Looked at once: the reason goes as soon as the next worker is ready, and comes back when that one dies.
  REQUIRE(pool.wait_until([&] { return workers_of(pool).value("failure", "") == "worker exited with status 6"; }));
  const auto grown = [&] { return workers_of(pool).value("retry_in_ns", 0) > static_cast<int>(600 * ns_per_ms); };
  CHECK(pool.wait_until(grown));
}

TEST_CASE("a worker that is never ready is ended") {
  server::Config config;
  config.start_timeout_s = 1;
  const PoolUnderTest pool(config, "mute");
  REQUIRE(pool.wait_until([&] { return workers_of(pool).contains("failure"); }));
  CHECK_THAT(workers_of(pool).at("failure").get<std::string>(), Catch::Contains("was not ready within"));
}

TEST_CASE("a program that waits for a worker in vain is told why") {
  const PoolUnderTest pool({}, "broken");
  const Granted granted = attach(pool);
  CHECK(granted.reply.granted == 0);
  CHECK(static_cast<Code>(granted.reply.code) == Code::deadline_exceeded);
  CHECK(std::string(granted.reply.reason) == "device 0 cannot be used now: the driver is on fire");
  CHECK(pool.ask({{"verb", "status"}}).at("sessions") == 0);
}

TEST_CASE("a worker that dies while it is given a session costs the program only that session") {
  PoolUnderTest pool({}, "die");
  REQUIRE(pool.wait_until([&] { return workers_of(pool).at("ready") == 2; }));
  const Granted refused = attach(pool);
  CHECK(refused.reply.granted == 0);
  CHECK(std::string(refused.reply.reason) == "the session could not be started: worker exited with status 9");
  CHECK(pool.ask({{"verb", "status"}}).at("sessions") == 0);
  CHECK(pool.sessions(true).empty());
}

TEST_CASE("a worker that talks nonsense is ended, and only its session with it") {
  PoolUnderTest pool;
  const Granted sound = attach(pool);
  pool.behave("garbage");
  const Granted spoilt = attach(pool);
  REQUIRE(pool.wait_until([&] { return pool.sessions(true).size() == 1; }));
  CHECK_THAT(pool.sessions(true)[0].at("reason").get<std::string>(),
             Catch::StartsWith("its worker broke the protocol"));
  CHECK(pool.sessions().size() == 1);
}

TEST_CASE("an idle daemon wakes up for nothing but a look at what its sessions hold, now and then") {
  const PoolUnderTest pool;
  const Granted granted = attach(pool);
  REQUIRE(pool.wait_until([&] { return workers_of(pool).at("ready") == 2; }));
  usleep(2'000'000);  // what was begun is finished
  const Nanoseconds began = now_ns();
  const std::uint64_t before = wake_ups(pool.daemon_pid());
  usleep(1'000'000);
  const std::uint64_t woken = wake_ups(pool.daemon_pid()) - before;
  const double seconds = static_cast<double>(now_ns() - began) / ns_per_s;  // more than it slept, on a busy machine
  CHECK(static_cast<double>(woken) <= 4 * seconds);
}
