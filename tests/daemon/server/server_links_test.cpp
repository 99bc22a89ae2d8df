// What hostile workers send to their daemon, and what that does to others: nothing.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;

namespace {

// Far below what closing one of the fake worker's sockets takes.
constexpr Nanoseconds delay_ns_max = ns_per_s;

// Workers that have sockets of the machine's own network.
server::Config without_jail() {
  server::Config config;
  config.jail_without = FenceSet::all();
  return config;
}

// The longest that the daemon took for an answer within two seconds.
Nanoseconds longest_answer(const PoolUnderTest& pool) {
  Nanoseconds longest = 0;
  for (const Nanoseconds end = now_ns() + 2 * ns_per_s; now_ns() < end; usleep(5000)) {
    const Nanoseconds start = now_ns();
    (void)pool.ask({{"verb", "status"}});
    longest = std::max(longest, now_ns() - start);
  }
  return longest;
}

std::string first_end(const PoolUnderTest& pool) { return pool.sessions(true).at(0).at("reason"); }

}  // namespace

TEST_CASE("a worker that says the same thing twice is ended") {
  PoolUnderTest pool({}, "chatter");
  const Granted granted = attach(pool);
  CHECK(longest_answer(pool) < delay_ns_max);
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(first_end(pool) == "again");  // the first word counts
}

TEST_CASE(
    "descriptors that a worker sends unasked end it, and never delay the daemon, however slow they are to close") {
  PoolUnderTest pool(without_jail(), "sockets");
  const Granted granted = attach(pool);
  REQUIRE(granted.reply.granted == 1);
  kill(pool.daemon_pid(), SIGSTOP);
  usleep(600'000);
  kill(pool.daemon_pid(), SIGCONT);
  CHECK(longest_answer(pool) < delay_ns_max);
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(first_end(pool) == "its worker broke the protocol: descriptors that nobody asked for");
}

TEST_CASE("slow descriptors at a take-over cost the worker its session, and nobody any time") {
  PoolUnderTest pool(without_jail());
  const Granted granted = attach(pool);
  REQUIRE(granted.reply.granted == 1);
  pool.behave("hoarder");
  pool.kill_daemon();
  const Nanoseconds start = now_ns();
  pool.start_daemon();
  CHECK(now_ns() - start < 2 * ns_per_s);
  CHECK(longest_answer(pool) < delay_ns_max);
  CHECK(pool.sessions().empty());
}

TEST_CASE("a worker that floods its log delays nobody") {
  PoolUnderTest pool({}, "forger");
  CHECK(longest_answer(pool) < delay_ns_max);
  CHECK(attach(pool).reply.granted == 1);
}
