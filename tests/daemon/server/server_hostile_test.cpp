// Programs that do not keep to the protocol, and what they can do to others: nothing.
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <random>

#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;

namespace {

wire::MessageSocket knock(const PoolUnderTest& pool) {
  auto socket = wire::MessageSocket::connect(pool.socket("tenant"));
  REQUIRE(socket.ok());
  return socket.take();
}

Granted say(const PoolUnderTest& pool, std::span<const std::byte> bytes, std::span<const int> fds = {}) {
  const auto socket = knock(pool);
  REQUIRE(socket.send(bytes, fds, now_ns() + ns_per_s).ok());
  return read_answer(socket);
}

bool kernel_can_refuse_descriptors() {
  constexpr int so_passrights = 83;
  const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const int off = 0;
  return setsockopt(socket.get(), SOL_SOCKET, so_passrights, &off, sizeof off) == 0;
}

template <typename Change>
Granted say_changed(const PoolUnderTest& pool, Change change) {
  wire::AttachRequest request = request_of({"alice"});
  change(request);
  return say(pool, std::as_bytes(std::span(&request, 1)));
}

}  // namespace

TEST_CASE("a request that breaks the protocol is refused with a reason, and the daemon goes on") {
  const PoolUnderTest pool;
  CHECK(say_changed(pool, [](auto& r) { r.magic = 1; }).reply.granted == 0);
  CHECK(say_changed(pool, [](auto& r) { r.version = 99; }).reply.granted == 0);
  CHECK(say_changed(pool, [](auto& r) { r.flags = 1; }).reply.granted == 0);
  CHECK(say_changed(pool, [](auto& r) { std::fill(std::begin(r.tenant), std::end(r.tenant), 'a'); }).reply.granted ==
        0);
  CHECK(say_changed(pool, [](auto& r) { wire::set_text(r.tenant, "../../etc"); }).reply.granted == 0);
  CHECK(say_changed(pool, [](auto& r) { r.gpu_milli = UINT32_MAX; }).reply.granted == 0);
  CHECK(say_changed(pool, [](auto& r) { r.memory_bytes = UINT64_MAX; }).reply.granted == 0);
  const std::vector<std::byte> huge(100'000);
  CHECK(say(pool, huge).reply.granted == 0);
  CHECK(say(pool, std::span(huge).first(1)).reply.granted == 0);
  CHECK(attach(pool).reply.granted == 1);
}

TEST_CASE("noise is refused") {
  const PoolUnderTest pool;
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> noise(random() % 400 + 1);
    for (auto& byte : noise) byte = static_cast<std::byte>(random());
    CHECK(say(pool, noise).reply.granted == 0);
  }
  CHECK(attach(pool).reply.granted == 1);
}

TEST_CASE("descriptors in a request are refused and closed") {
  const PoolUnderTest pool;
  const bool kernel_refuses = kernel_can_refuse_descriptors();
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const auto request = request_of({"alice"});
  for (const std::size_t count : {1, 2, 12}) {
    const std::vector<int> fds(count, pipe_ends[1]);
    const auto socket = knock(pool);
    const Status sent = socket.send(std::as_bytes(std::span(&request, 1)), fds, now_ns() + ns_per_s);
    CHECK(sent.ok() != kernel_refuses);
    if (!sent.ok()) continue;
    const Granted answer = read_answer(socket);
    CHECK(answer.reply.granted == 0);
    CHECK(std::string(answer.reply.reason).find("descriptors") != std::string::npos);
  }
  const std::vector<int> lots(8, pipe_ends[1]);
  if (!kernel_refuses) CHECK(say(pool, std::as_bytes(std::span("x")), lots).reply.granted == 0);
  close(pipe_ends[1]);
  char byte;
  CHECK(read(pipe_ends[0], &byte, 1) == 0);  // nobody else holds the other end
  close(pipe_ends[0]);
}

TEST_CASE("a program that says nothing is dropped, and keeps nobody waiting meanwhile") {
  const PoolUnderTest pool;
  const auto silent = knock(pool);
  const Nanoseconds start = now_ns();
  CHECK(attach(pool).reply.granted == 1);
  CHECK(now_ns() - start < 3 * ns_per_s);
  const Granted dropped = read_answer(silent);
  CHECK(dropped.reply.granted == 0);
  CHECK(now_ns() - start < 10 * ns_per_s);
}

TEST_CASE("one user's connections are bounded, and others are let in again when they end") {
  const PoolUnderTest pool;
  std::vector<wire::MessageSocket> silent;
  for (int i = 0; i < 64; ++i) silent.push_back(knock(pool));
  const Granted refused = attach(pool);
  CHECK(refused.reply.granted == 0);
  CHECK(static_cast<Code>(refused.reply.code) == Code::exhausted);
  silent.clear();
  CHECK(pool.wait_until([&] { return attach(pool).reply.granted == 1; }));
}

TEST_CASE("connections that end at once cost nothing") {
  const PoolUnderTest pool;
  for (int i = 0; i < 500; ++i) knock(pool);
  CHECK(pool.wait_until([&] { return attach(pool).reply.granted == 1; }));
}

TEST_CASE("a program that goes on talking after its request is dropped") {
  server::Config config;
  config.workers_ready = 0;
  const PoolUnderTest pool(config, "mute");
  const auto socket = knock(pool);
  const auto request = request_of({"alice"});
  for (int i = 0; i < 2; ++i) REQUIRE(socket.send(std::as_bytes(std::span(&request, 1)), {}, now_ns() + ns_per_s).ok());
  CHECK_FALSE(read_answer(socket).answered);
  CHECK(pool.wait_until([&] { return pool.ask({{"verb", "status"}}).at("sessions") == 0; }));
}

TEST_CASE("a program that asks too often is refused, and its next try is heard a little later") {
  server::Config config;
  config.attach_per_s = 2;
  const PoolUnderTest pool(config);
  std::string reason;
  for (int i = 0; i < 50 && reason.empty(); ++i) reason = attach(pool).reply.reason;
  CHECK_THAT(reason, Catch::Matchers::Contains("asks for sessions too often (limits.attach_per_s)"));
  CHECK(pool.wait_until([&] { return attach(pool).reply.granted != 0; }));
}

TEST_CASE("a worker that lets builds run on beyond their limit is ended by the daemon, and no other session notices") {
  server::Config config;
  config.build_s = 1;
  const bool kernels_in_worker = GENERATE(true, false);
  PoolUnderTest pool(config, kernels_in_worker ? "processor builds" : "builds");
  const Granted builds = attach(pool, {"alice"});
  REQUIRE(builds.reply.granted == 1);
  pool.behave(kernels_in_worker ? "processor" : "");
  const Program other(pool, {"alice"});
  REQUIRE(other.granted());
  // Four builds' worth at most, and what the daemon takes to look and to end it; on a busy machine, longer.
  const Nanoseconds deadline_ns = now_ns() + 40 * ns_per_s;
  while (pool.sessions(true).empty() && now_ns() < deadline_ns) usleep(100'000);
  const auto ended = pool.sessions(true);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].at("reason") == "its builds took more processor time than they may (limits.build_s)");
  CHECK_FALSE(other.lost());
  CHECK(pool.sessions().size() == 1);
}
