// A device that is split into cards, in a whole daemon.
#include <catch2/catch.hpp>

#include "base/cpu_set.h"
#include "daemon/server/runtime/files.h"
#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;

namespace {

server::Config with_cards(std::uint32_t cards) {
  server::DeviceRule rule;
  rule.name = "*";
  rule.cards = cards;
  server::Config config;
  config.devices = {rule};
  return config;
}

bool one_cpu_alone() { return CpuSet::allowed().count() < 2; }

std::string allowed_cpus(pid_t pid) {
  const std::string status = server::read_kernel_file("/proc/" + std::to_string(pid) + "/status");
  const std::string key = "Cpus_allowed_list:\t";
  const std::size_t at = status.find(key) + key.size();
  return status.substr(at, status.find('\n', at) - at);
}

}  // namespace

TEST_CASE("a session on a card sees the card's units, and its worker runs on the card's CPUs") {
  if (one_cpu_alone()) return;
  const CpuSet all = CpuSet::allowed();
  const auto cards = all.divide(2);
  PoolUnderTest pool(with_cards(2), "processor");
  const auto devices = pool.ask({{"verb", "devices"}}).at("devices");
  REQUIRE(devices.size() == 2);
  CHECK(devices[0].at("uuid") != devices[1].at("uuid"));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(devices[i].at("name") == "fake card");
    CHECK(devices[i].at("label") == "fake card #" + std::to_string(i));
    CHECK(devices[i].at("driver_index") == 0);
    CHECK(devices[i].at("compute_units") == cards[i].count());
    CHECK(devices[i].at("card").at("cpus") == cards[i].to_string());
  }
  const Granted first = attach(pool, {"alice", 1000}), second = attach(pool, {"bob", 1000});
  CHECK(first.traits.name == "fake card");
  CHECK(first.traits.compute_units + second.traits.compute_units == all.count());
  CHECK(std::equal(std::begin(first.traits.uuid), std::end(first.traits.uuid), std::begin(second.traits.uuid)));
  REQUIRE(pool.wait_for_sessions(2));
  for (const auto& session : pool.sessions())
    CHECK(allowed_cpus(session.at("worker_pid")) == cards[session.at("device").get<std::size_t>()].to_string());
}

TEST_CASE("sessions on cards are taken over where the cards are the same, and ended where they are not") {
  if (one_cpu_alone()) return;
  PoolUnderTest pool(with_cards(2), "processor");
  const Program first(pool, {"alice", 1000}), second(pool, {"bob", 1000});
  REQUIRE(pool.wait_for_sessions(2));
  const auto places = [&pool] {
    std::vector<nlohmann::json> all;
    for (const auto& session : pool.sessions()) all.push_back({session.at("device"), session.at("worker_pid")});
    return all;
  };
  const auto before = places();
  pool.kill_daemon();
  pool.start_daemon();
  REQUIRE(pool.wait_for_sessions(2));
  CHECK(places() == before);
  pool.kill_daemon();
  pool.config().devices.clear();
  pool.start_daemon();
  CHECK(pool.sessions().empty());
  CHECK(first.lost());
  CHECK(second.lost());
}
