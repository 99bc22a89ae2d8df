// Sessions that move between two devices, with workers that do it, fail at each step, or lie.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "daemon/sessions/worker_link.h"
#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

namespace {

std::uint64_t promised(const PoolUnderTest& pool, std::size_t device) {
  return pool.ask({{"verb", "status"}}).at("devices")[device].at("memory_promised_bytes");
}

json start_move(const PoolUnderTest& pool, std::uint64_t session, std::uint32_t device, bool dry_run = false) {
  return pool.ask({{"verb", "session-move"}, {"session", session}, {"device", device}, {"dry_run", dry_run}});
}

json show_move(const PoolUnderTest& pool, const json& started) {
  return pool.ask({{"verb", "session-move-show"}, {"move", started.at("move")}});
}

// Moves it, and returns how that ended.
json move(const PoolUnderTest& pool, std::uint64_t session, std::uint32_t device) {
  const json started = start_move(pool, session, device);
  REQUIRE(started.at("ok") == true);
  CHECK(pool.wait_until([&] { return show_move(pool, started).at("done") == true; }));
  return show_move(pool, started);
}

json only_session(const PoolUnderTest& pool) {
  const json sessions = pool.ask({{"verb", "sessions"}, {"why", true}}).at("sessions");
  REQUIRE(sessions.size() == 1);
  return sessions[0];
}

std::uint64_t id_of(const json& session) { return session.at("id"); }

constexpr std::uint64_t slice_bytes = 1ull << 30;
const Wish alice{"alice", 250, slice_bytes};

bool is_alive(pid_t pid) { return kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("a session moves to another device, and its program keeps it") {
  const PoolUnderTest pool({}, "two");
  Program program(pool, alice);
  REQUIRE(program.granted());
  const json before = only_session(pool);
  REQUIRE(before.at("device") == 0);
  const json ended = move(pool, id_of(before), 1);
  CHECK_FALSE(ended.contains("failed"));
  CHECK(ended.at("on_both") == false);
  REQUIRE(ended.at("moved").size() == 1);
  CHECK(ended.at("moved")[0].at("pause_ns") == 3'000'000);
  CHECK(ended.at("moved")[0].at("objects") == 12);
  const json after = only_session(pool);
  CHECK(after.at("device") == 1);
  CHECK(after.at("worker_pid") != before.at("worker_pid"));
  CHECK_FALSE(is_alive(before.at("worker_pid")));
  CHECK(promised(pool, 0) == 0);
  CHECK(promised(pool, 1) == slice_bytes);
  program.end();
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(promised(pool, 1) == 0);
}

TEST_CASE("what a session used before it moved is part of its books, and its memory counts once") {
  const PoolUnderTest pool({}, "two");
  const Program program(pool, alice);
  const json before = only_session(pool);
  move(pool, id_of(before), 1);
  const json after = only_session(pool);
  CHECK(after.at("usage").at("launches") == 14);  // each worker counts seven
  CHECK(after.at("usage").at("device_ns") == 10'000'000);
  CHECK(after.at("usage").at("memory_bytes") == before.at("usage").at("memory_bytes"));
  CHECK(after.at("tenant_memory_bytes") == before.at("tenant_memory_bytes"));
  CHECK(after.at("usage").at("memory_peak_bytes") == before.at("usage").at("memory_peak_bytes"));
}

TEST_CASE("a session can move again, and back") {
  const PoolUnderTest pool({}, "two");
  const Program program(pool, alice);
  const std::uint64_t id = id_of(only_session(pool));
  for (const std::uint32_t device : {1u, 0u, 1u}) {
    CHECK_FALSE(move(pool, id, device).contains("failed"));
    CHECK(only_session(pool).at("device") == device);
    CHECK(promised(pool, device) == slice_bytes);
    CHECK(promised(pool, 1 - device) == 0);
  }
}

TEST_CASE("all sessions of a tenant on the device move, the named one first, and no other tenant's") {
  const PoolUnderTest pool({}, "two");
  const Program first(pool, alice), second(pool, alice);
  const json sessions = pool.sessions();
  const Program other(pool, {"bob", 100, 1 << 20});
  const std::uint64_t named = id_of(sessions[1]);
  const json planned = start_move(pool, named, 1, true);
  CHECK(planned.at("sessions") == json::array({named, id_of(sessions[0])}));
  const json ended = move(pool, named, 1);
  REQUIRE(ended.at("moved").size() == 2);
  CHECK(ended.at("moved")[0].at("session") == named);
  for (const json& session : pool.sessions()) CHECK(session.at("device") == (session.at("tenant") == "alice" ? 1 : 0));
  CHECK(promised(pool, 0) == 1 << 20);
  CHECK(promised(pool, 1) == slice_bytes);
  const Program third(pool, alice);
  CHECK(pool.sessions().back().at("device") == 1);
}

TEST_CASE("what cannot be moved is refused before anything happens, with its reason") {
  server::Config config;
  server::DeviceRule rule;
  rule.index = 1;
  SECTION("no such session, device, or way") {
    const PoolUnderTest pool(config, "two");
    const Program program(pool, alice);
    const std::uint64_t id = id_of(only_session(pool));
    CHECK(start_move(pool, 999, 1).at("error") == "there is no session 999");
    const std::string refused = "session " + std::to_string(id) + " cannot be moved: ";
    CHECK(start_move(pool, id, 7).at("error") == refused + "there is no device 7");
    CHECK(start_move(pool, id, 0).at("error") == refused + "it is on device 0 already");
    CHECK(only_session(pool).at("unmoved") == "it is on device 0 already");
    CHECK(pool.ask({{"verb", "session-move"}, {"session", "x"}, {"device", 1}}).at("code") == "invalid_argument");
    CHECK(start_move(pool, id, 1, true).at("ok") == true);
    CHECK(promised(pool, 1) == 0);
  }
  SECTION("a device that is not enabled") {
    rule.enabled = false;
    config.devices = {rule};
    const PoolUnderTest pool(config, "two");
    const Program program(pool, alice);
    const std::string why = start_move(pool, id_of(only_session(pool)), 1).at("error");
    CHECK(why.find("device 1 is not enabled in this pool") != std::string::npos);
  }
  SECTION("a device without room") {
    rule.gpu = MilliGpu{200};
    config.devices = {rule};
    const PoolUnderTest pool(config, "two");
    const Program program(pool, alice);
    const std::string why = start_move(pool, id_of(only_session(pool)), 1).at("error");
    CHECK(why.find("device 1 has no room for tenant alice's slice: it is 250m and 1 GiB of memory, and 200m") !=
          std::string::npos);
    CHECK(start_move(pool, id_of(only_session(pool)), 1, true).at("code") == "exhausted");
  }
  SECTION("a device of another class") {
    const PoolUnderTest pool(config, "two odd");
    const Program program(pool, alice);
    const std::string why = start_move(pool, id_of(only_session(pool)), 1).at("error");
    CHECK(why.find("it is of another make") != std::string::npos);
  }
}

TEST_CASE("a session that its worker keeps stays, with the reason, and can be moved later") {
  const PoolUnderTest pool({}, "two s-pins");
  const Program program(pool, alice);
  const json before = only_session(pool);
  const json ended = move(pool, id_of(before), 1);
  CHECK(ended.at("failed").at("reason") == "program 7 exists only as a binary");
  CHECK(ended.at("moved").empty());
  const json after = only_session(pool);
  CHECK(after.at("device") == 0);
  CHECK(after.at("worker_pid") == before.at("worker_pid"));
  CHECK(after.at("unmoved") == "program 7 exists only as a binary");
  CHECK(after.at("tenant_memory_bytes") == before.at("tenant_memory_bytes"));
  CHECK(promised(pool, 1) == 0);
  pool.ask({{"verb", "status"}});
  const_cast<PoolUnderTest&>(pool).behave("two");
  CHECK_FALSE(move(pool, id_of(before), 1).contains("failed"));
  CHECK_FALSE(only_session(pool).contains("unmoved"));
}

TEST_CASE("a target that fails or lies before the commit leaves the session where it is") {
  const std::string fault = GENERATE("t-dies", "t-bad", "t-early", "t-hangs t-asks");
  CAPTURE(fault);
  const PoolUnderTest pool({}, "two " + fault);
  const Program program(pool, alice);
  const json before = only_session(pool);
  const json ended = move(pool, id_of(before), 1);
  CHECK(ended.contains("failed"));
  if (fault == "t-bad")
    CHECK(ended.at("failed").at("reason") == "the worker that it was to move to ended: the checkpoint is damaged");
  if (fault == "t-early")
    CHECK(ended.at("failed").at("reason") ==
          "the worker that it was to move to ended: its worker broke the protocol: an unexpected message");
  const json after = only_session(pool);
  CHECK(after.at("device") == 0);
  CHECK(after.at("worker_pid") == before.at("worker_pid"));
  CHECK(promised(pool, 0) == slice_bytes);
  CHECK(promised(pool, 1) == 0);
}

TEST_CASE("a target that says twice that it is prepared is ended, and with it the session that is its own by then") {
  const PoolUnderTest pool({}, "two t-twice");
  const Program program(pool, alice);
  move(pool, id_of(only_session(pool)), 1);
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(pool.sessions(true)[0].at("reason") == "its worker broke the protocol: an unexpected message");
  CHECK(program.lost());
  CHECK(pool.wait_until([&] { return promised(pool, 0) == 0 && promised(pool, 1) == 0; }));
}

TEST_CASE("a target that dies after the commit, and a source before it, end the session as any worker's death does") {
  const PoolUnderTest pool({}, GENERATE("two t-falls", "two s-dies"));
  const Program program(pool, alice);
  const json ended = move(pool, id_of(only_session(pool)), 1);
  CHECK(ended.contains("failed"));
  CHECK(pool.wait_for_sessions(0));
  CHECK(program.lost());
  CHECK(pool.wait_until([&] { return promised(pool, 0) == 0 && promised(pool, 1) == 0; }));
}

TEST_CASE("a source that does not leave after the commit is ended") {
  const PoolUnderTest pool({}, "two s-stays");
  const Program program(pool, alice);
  const json before = only_session(pool);
  CHECK_FALSE(move(pool, id_of(before), 1).contains("failed"));
  CHECK_FALSE(is_alive(before.at("worker_pid")));
  CHECK(only_session(pool).at("device") == 1);
}

TEST_CASE("a source that says twice that it keeps the session is ended") {
  const PoolUnderTest pool({}, "two s-twice");
  const Program program(pool, alice);
  move(pool, id_of(only_session(pool)), 1);
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(pool.sessions(true)[0].at("reason") == "its worker broke the protocol: an unexpected message");
}

TEST_CASE("a program that dies while its session moves leaves nothing") {
  const PoolUnderTest pool({}, "two t-hangs");
  Program program(pool, alice);
  const json started = start_move(pool, id_of(only_session(pool)), 1);
  usleep(100'000);
  program.end();
  CHECK(pool.wait_for_sessions(0));
  CHECK(pool.wait_until([&] { return show_move(pool, started).at("done") == true; }));
  CHECK(pool.wait_until([&] { return promised(pool, 0) == 0 && promised(pool, 1) == 0; }));
}

TEST_CASE("while a slice moves it is booked on both devices, and is not moved twice at a time") {
  const PoolUnderTest pool({}, "two t-hangs");
  const Program program(pool, alice);
  const std::uint64_t id = id_of(only_session(pool));
  const json started = start_move(pool, id, 1);
  CHECK(promised(pool, 0) == slice_bytes);
  CHECK(promised(pool, 1) == slice_bytes);
  CHECK(start_move(pool, id, 1).at("ok") == false);
  CHECK(show_move(pool, started).at("current").at("session") == id);
}

TEST_CASE("a slice that could not be moved whole stays booked on both devices until its sessions are on one") {
  PoolUnderTest pool({}, "two");
  const Program first(pool, alice);
  Program second(pool, alice);
  const json sessions = pool.sessions();
  pool.behave("two t-late");
  const json started = start_move(pool, id_of(sessions[0]), 1);
  REQUIRE(pool.wait_until([&] { return !is_alive(sessions[0].at("worker_pid")); }));
  pool.behave("two s-pins");
  REQUIRE(pool.wait_until([&] { return show_move(pool, started).at("done") == true; }));
  const json ended = show_move(pool, started);
  CHECK(ended.at("moved").size() == 1);
  CHECK(ended.at("failed").at("session") == sessions[1].at("id"));
  CHECK(ended.at("on_both") == true);
  CHECK(promised(pool, 0) == slice_bytes);
  CHECK(promised(pool, 1) == slice_bytes);
  SECTION("by another move") {
    pool.behave("two");
    CHECK(move(pool, id_of(sessions[1]), 1).at("on_both") == false);
    CHECK(pool.sessions().size() == 2);
  }
  SECTION("by their ends") {
    second.end();
    CHECK(pool.wait_for_sessions(1));
  }
  SECTION("over a restart of the daemon") {
    pool.kill_daemon();
    pool.start_daemon();
    CHECK(pool.sessions().size() == 2);
    CHECK(promised(pool, 0) == slice_bytes);
    CHECK(promised(pool, 1) == slice_bytes);
    second.end();
    CHECK(pool.wait_for_sessions(1));
  }
  CHECK(promised(pool, 0) == 0);
  CHECK(promised(pool, 1) == slice_bytes);
}

TEST_CASE("a daemon that dies before the commit is followed by one that finds the session on its source alone") {
  PoolUnderTest pool({}, "two t-hangs");
  const Program program(pool, alice);
  const json before = only_session(pool);
  (void)start_move(pool, id_of(before), 1);
  usleep(100'000);
  pool.kill_daemon();
  pool.start_daemon();
  const json after = only_session(pool);
  CHECK(after.at("device") == 0);
  CHECK(after.at("worker_pid") == before.at("worker_pid"));
  CHECK(after.at("usage").at("launches") == 7);
  CHECK(promised(pool, 1) == 0);
  usleep(50'000);  // its source says that it kept the session, once
  CHECK(pool.sessions().size() == 1);
  CHECK(pool.sessions(true).empty());
}

TEST_CASE("a source that stays after the commit is ended by the next daemon, too") {
  PoolUnderTest pool({}, "two t-late s-stays");
  const Program program(pool, alice);
  const json before = only_session(pool);
  (void)start_move(pool, id_of(before), 1);
  REQUIRE(pool.wait_until([&] { return only_session(pool).at("device") == 1; }));
  pool.kill_daemon();
  pool.start_daemon();
  CHECK(only_session(pool).at("device") == 1);
  CHECK(pool.wait_until([&] { return !is_alive(before.at("worker_pid")); }));
  CHECK(promised(pool, 0) == 0);
}

TEST_CASE("a daemon that dies after the commit is followed by one that finds the session on its target alone") {
  PoolUnderTest pool({}, "two t-late");
  Program program(pool, alice);
  const json before = only_session(pool);
  (void)start_move(pool, id_of(before), 1);
  REQUIRE(pool.wait_until([&] { return !is_alive(before.at("worker_pid")); }));
  pool.kill_daemon();
  pool.start_daemon();
  const json after = only_session(pool);
  CHECK(after.at("device") == 1);
  CHECK(after.at("usage").at("device_ns") == 10'000'000);
  CHECK(after.at("usage").at("launches") == 14);
  CHECK(promised(pool, 0) == 0);
  CHECK(promised(pool, 1) == slice_bytes);
  CHECK(pool.sessions(true).empty());
  program.end();
  CHECK(pool.wait_for_sessions(0));
}
