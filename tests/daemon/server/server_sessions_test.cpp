// Sessions of a whole daemon: who gets one, what it is told, and how it is counted.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/daemon/server/pool_under_test.h"
#include "wire/arena.h"
#include "wire/ring.h"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

off_t size_of(const UniqueFd& fd) {
  struct stat info {};
  return fstat(fd.get(), &info) == 0 ? info.st_size : -1;
}

}  // namespace

TEST_CASE("a program gets a session with the memory, the descriptors and the device of its slice") {
  const PoolUnderTest pool;
  const Granted granted = attach(pool, {"alice", 250, 2 * gib});
  REQUIRE(granted.reply.granted == 1);
  CHECK(std::string(granted.reply.tenant) == "alice");
  CHECK(granted.reply.gpu_milli == 250);
  CHECK(granted.reply.memory_bytes == 2 * gib);
  CHECK(granted.reply.control_bytes == wire::control_bytes);
  CHECK(size_of(granted.control) == static_cast<off_t>(wire::control_bytes));
  CHECK(granted.reply.arena_bytes == wire::arena_bytes_for(2 * gib));
  CHECK(size_of(granted.arena) == static_cast<off_t>(granted.reply.arena_bytes));
  CHECK(granted.traits.name == "fake card");
  CHECK(granted.traits.global_memory_bytes == 2 * gib);
  CHECK(granted.traits.compute_units == 2);
}

TEST_CASE("a program that names no tenant runs as its user, with an eighth of the device") {
  const PoolUnderTest pool;
  const Granted granted = attach(pool);
  REQUIRE(granted.reply.granted == 1);
  if (getuid() == 0) CHECK(std::string(granted.reply.tenant) == "root");
  CHECK(granted.reply.memory_bytes == gib);
  CHECK(granted.traits.compute_units == 8);
}

TEST_CASE("live sessions are shown with what they use") {
  const PoolUnderTest pool;
  const Granted granted = attach(pool, {"alice", 250, 2 * gib});
  const auto sessions = pool.sessions();
  REQUIRE(sessions.size() == 1);
  const auto& session = sessions[0];
  CHECK(session.at("id") == granted.reply.session_id);
  CHECK(session.at("tenant") == "alice");
  CHECK(session.at("program") == "test");
  CHECK(session.at("pid") == getpid());
  CHECK(session.at("uid") == getuid());
  CHECK(session.at("gpu_milli") == 250);
  CHECK(session.at("memory_limit_bytes") == 2 * gib);
  CHECK(session.at("tenant_memory_bytes") == 1 << 20);
  CHECK(session.at("usage").at("device_ns") == 5'000'000);
  CHECK(session.at("usage").at("launches") == 7);
  CHECK(session.at("usage").at("bytes_in") == 111);
  CHECK(session.at("usage").at("memory_bytes") == 1 << 20);
}

TEST_CASE("an ended session is remembered with its totals and its reason, made printable") {
  const PoolUnderTest pool;
  { const Granted granted = attach(pool, {"alice"}); }
  REQUIRE(pool.wait_for_sessions(0));
  const auto ended = pool.sessions(true);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].at("tenant") == "alice");
  CHECK(ended[0].at("reason") == "the program?[31m has gone");
  CHECK(ended[0].at("usage").at("device_ns") == 5'000'000);
  CHECK(ended[0].at("usage").at("memory_peak_bytes") == 2 << 20);
  CHECK(ended[0].at("ended_unix_ns") > ended[0].at("started_unix_ns"));
}

TEST_CASE("two sessions of a tenant share one slice, another tenant has its own") {
  const PoolUnderTest pool;
  const Granted first = attach(pool, {"alice", 300, 3 * gib});
  const Granted second = attach(pool, {"alice"});
  const Granted other = attach(pool, {"bob", 300, 3 * gib});
  REQUIRE((first.reply.granted && second.reply.granted && other.reply.granted));
  CHECK(second.reply.gpu_milli == 300);
  CHECK(second.reply.memory_bytes == 3 * gib);
  const auto device = pool.ask({{"verb", "status"}}).at("devices")[0];
  CHECK(device.at("memory_promised_bytes") == 6 * gib);
  CHECK(device.at("gpu_promised_milli") == 600);
  CHECK(pool.sessions()[0].at("tenant_memory_bytes") == 2 << 20);
}

TEST_CASE("a refusal reaches the program with its reason, and leaves nothing taken") {
  const PoolUnderTest pool;
  const Granted first = attach(pool, {"alice", 600, 6 * gib});
  REQUIRE(first.reply.granted == 1);
  const Granted large = attach(pool, {"bob", 600, gib});
  CHECK(large.reply.granted == 0);
  CHECK(static_cast<Code>(large.reply.code) == Code::exhausted);
  CHECK(std::string(large.reply.reason) ==
        "no device has room now for 600m and 1 GiB of memory; the nearest is device 0 (fake card) with 400m and 2 GiB "
        "of memory free, where 400m and 1 GiB of memory would fit");
  const Granted other_size = attach(pool, {"alice", 500});
  CHECK(static_cast<Code>(other_size.reply.code) == Code::invalid_argument);
  CHECK(pool.ask({{"verb", "status"}}).at("devices")[0].at("gpu_promised_milli") == 600);
  CHECK(attach(pool, {"bob", 400, 2 * gib}).reply.granted == 1);
}

TEST_CASE("a slice is free for others when its last session has ended") {
  const PoolUnderTest pool;
  { const Granted whole = attach(pool, {"alice", 1000, 8 * gib}); }
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(attach(pool, {"bob", 1000, 8 * gib}).reply.granted == 1);
}

TEST_CASE("more programs at once than ready workers all get their sessions") {
  server::Config config;
  config.workers_ready = 1;
  const PoolUnderTest pool(config);
  std::vector<wire::MessageSocket> sockets;
  for (int i = 0; i < 12; ++i) {
    sockets.push_back(wire::MessageSocket::connect(pool.socket("tenant")).take());
    const auto request = request_of({"alice"});
    REQUIRE(sockets.back().send(std::as_bytes(std::span(&request, 1)), {}, now_ns() + ns_per_s).ok());
  }
  std::vector<Granted> granted;
  for (const auto& socket : sockets) {
    granted.push_back(read_answer(socket));
    CHECK(granted.back().reply.granted == 1);
  }
  CHECK(pool.sessions().size() == 12);
}

TEST_CASE("without workers kept ready, one is started for a program that asks") {
  server::Config config;
  config.workers_ready = 0;
  const PoolUnderTest pool(config);
  // The worker that looked for devices may still be on its way out; one that is kept ready would stay.
  CHECK(pool.wait_until([&pool] { return pool.workers().empty(); }));
  CHECK(attach(pool).reply.granted == 1);
}

TEST_CASE("the configured limits are kept") {
  server::Config config;
  config.sessions_max = 3;
  config.sessions_per_tenant_max = 2;
  config.default_memory_bytes = gib;
  const PoolUnderTest pool(config);
  const Granted a = attach(pool, {"alice"}), b = attach(pool, {"alice"}), c = attach(pool, {"alice"});
  CHECK(b.reply.granted == 1);
  CHECK_THAT(std::string(c.reply.reason), Catch::Contains("limits.sessions_per_tenant_max"));
  const Granted d = attach(pool, {"bob"}), e = attach(pool, {"carol"});
  CHECK(d.reply.granted == 1);
  CHECK_THAT(std::string(e.reply.reason), Catch::Contains("limits.sessions_max"));
}

TEST_CASE("session numbers go on after a restart") {
  PoolUnderTest pool;
  const Granted first = attach(pool);
  CHECK(pool.stop_daemon() == 0);
  pool.start_daemon();
  CHECK(attach(pool).reply.session_id > first.reply.session_id);
}
