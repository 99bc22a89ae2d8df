// How a daemon marks a device that fails or vanishes, and takes it back.
#include <catch2/catch.hpp>

#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;

namespace {

nlohmann::json health_of(const PoolUnderTest& pool) {
  return pool.ask({{"verb", "status"}}).at("devices")[0].at("health");
}

bool becomes(const PoolUnderTest& pool, const std::string& state) {
  return pool.wait_until([&] { return health_of(pool).at("state") == state; });
}

bool has_ready_workers(const PoolUnderTest& pool) {
  return pool.wait_until([&] {
    return pool.ask({{"verb", "status"}}).at("devices")[0].at("workers").at("ready") == 2;
  });
}

server::Config probed_often() {
  server::Config config;
  config.probe_s = 1;
  return config;
}

}  // namespace

TEST_CASE("a device that vanishes is marked, keeps its sessions, and takes new slices once it is back") {
  PoolUnderTest pool(probed_often());
  Program before(pool, {"alice"});
  REQUIRE(before.granted());
  pool.behave("vanished");
  REQUIRE(becomes(pool, "gone"));
  CHECK(health_of(pool).at("reason") == "its driver does not list it any more");
  const Granted refused = attach(pool, {"bob"});
  CHECK(refused.reply.granted == 0);
  CHECK_THAT(std::string(refused.reply.reason),
             Catch::Contains("device 0 is gone: its driver does not list it any more"));
  CHECK(pool.sessions().size() == 1);
  pool.behave("");
  REQUIRE(becomes(pool, "ok"));
  CHECK_FALSE(health_of(pool).contains("reason"));
  CHECK(attach(pool, {"bob"}).reply.granted == 1);
}

TEST_CASE("a device in whose place another one is found serves nobody") {
  PoolUnderTest pool(probed_often());
  REQUIRE(has_ready_workers(pool));
  const Program before(pool, {"alice"});
  pool.behave("changed");
  REQUIRE(becomes(pool, "gone"));
  CHECK(health_of(pool).at("reason") == "another device is in its place");
  // Nor does a tenant that is there already get a worker on the other device.
  const Program again(pool, {"alice"});
  REQUIRE(pool.wait_until([&] {
    const auto workers = pool.ask({{"verb", "status"}}).at("devices")[0].at("workers");
    return workers.value("failure", "") == "it opened another device than it was started for";
  }));
}

TEST_CASE("a device on which no worker starts has failed, and comes back when one does") {
  PoolUnderTest pool({}, "broken");
  REQUIRE(becomes(pool, "failed"));
  const std::string reason = health_of(pool).at("reason");
  CHECK_THAT(reason, Catch::Contains("the driver is on fire"));
  const Granted refused = attach(pool, {"alice"});
  CHECK(refused.reply.granted == 0);
  CHECK_THAT(std::string(refused.reply.reason), Catch::Contains("device 0 has failed: " + reason));
  pool.behave("");
  REQUIRE(becomes(pool, "ok"));
  CHECK(attach(pool, {"alice"}).reply.granted == 1);
}

TEST_CASE("a probe that gets no answer is no reason for the daemon to wait") {
  server::Config config = probed_often();
  config.start_timeout_s = 1;
  PoolUnderTest pool(config);
  REQUIRE(has_ready_workers(pool));
  pool.behave("mute");
  REQUIRE(becomes(pool, "suspect"));
  CHECK_THAT(health_of(pool).at("reason").get<std::string>(), Catch::Contains("took longer than"));
  REQUIRE(becomes(pool, "failed"));
}

TEST_CASE("no probe is left when the daemon stops") {
  PoolUnderTest pool(probed_often());
  REQUIRE(has_ready_workers(pool));
  pool.behave("mute");
  REQUIRE(pool.wait_until([&] { return pool.workers().size() == 3; }));
  CHECK(pool.stop_daemon() == 0);
  CHECK(pool.workers().empty());
}
