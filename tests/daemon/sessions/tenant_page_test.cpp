#include "daemon/sessions/tenant_page.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <random>

#include "wire/shared_memory.h"

namespace sluice {
namespace {

wire::SharedMemory make_page(std::uint64_t limit_bytes) {
  auto memory = wire::SharedMemory::create("tenant", tenant_page_bytes);
  REQUIRE(memory.ok());
  REQUIRE(TenantMemory::initialise(memory.value().bytes(), limit_bytes).ok());
  return memory.take();
}

TEST_CASE("the sessions of a tenant share one limit, to the byte") {
  const auto page = make_page(1000);
  TenantMemory first(page.bytes(), 0), second(page.bytes(), 255);
  CHECK(first.reserve(600).ok());
  CHECK(second.reserve(401).code() == Code::quota_exceeded);
  CHECK(second.reserve(400).ok());
  CHECK(first.reserve(1).code() == Code::quota_exceeded);
  CHECK(TenantMemory::held_by_tenant(page.bytes()) == 1000);
  first.release(600);
  CHECK(first.held_by_session() == 0);
  CHECK(second.reserve(600).ok());
}

TEST_CASE("no amount is too large to be refused") {
  const auto page = make_page(1000);
  TenantMemory memory(page.bytes(), 0);
  CHECK(memory.reserve(UINT64_MAX).code() == Code::quota_exceeded);
  CHECK(memory.reserve(1).ok());
  CHECK(memory.reserve(UINT64_MAX).code() == Code::quota_exceeded);
  CHECK(memory.held_by_session() == 1);
}

TEST_CASE("clearing a dead session's slot gives its memory to the others") {
  const auto page = make_page(1000);
  TenantMemory dead(page.bytes(), 4), alive(page.bytes(), 5);
  CHECK(dead.reserve(900).ok());
  dead.clear();
  CHECK(alive.reserve(1000).ok());
}

// Reserves and releases until it is killed.
[[noreturn]] void churn(std::span<std::byte> page, std::size_t slot, unsigned seed) {
  std::mt19937 random(seed);
  TenantMemory memory(page, slot);
  for (;;) {
    const std::uint64_t bytes = random() % 300 + 1;
    if (memory.reserve(bytes).ok()) memory.release(bytes);
  }
}

TEST_CASE("killing a session at any moment leaves a lock that others can take and a sum that is true") {
  const auto page = make_page(1000);
  std::mt19937 random(7);
  for (int round = 0; round < 30; ++round) {
    const pid_t victim = fork();
    REQUIRE(victim >= 0);
    if (victim == 0) churn(page.bytes(), 1, static_cast<unsigned>(round));
    TenantMemory survivor(page.bytes(), 2);
    usleep(random() % 3000);
    REQUIRE(kill(victim, SIGKILL) == 0);
    REQUIRE(waitpid(victim, nullptr, 0) == victim);
    REQUIRE(TenantMemory::held_by_tenant(page.bytes()) <= 300);
    TenantMemory(page.bytes(), 1).clear();  // as the daemon does
    REQUIRE(TenantMemory::held_by_tenant(page.bytes()) == 0);
    REQUIRE(survivor.reserve(1000).ok());
    survivor.release(1000);
  }
}

TEST_CASE("several processes never hold more than the limit together") {
  const auto page = make_page(1000);
  pid_t children[3];
  for (std::size_t i = 0; i < 3; ++i) {
    children[i] = fork();
    REQUIRE(children[i] >= 0);
    if (children[i] == 0) churn(page.bytes(), i, static_cast<unsigned>(i));
  }
  for (int i = 0; i < 20'000; ++i) REQUIRE(TenantMemory::held_by_tenant(page.bytes()) <= 1000);
  for (const pid_t child : children) {
    REQUIRE(kill(child, SIGKILL) == 0);
    REQUIRE(waitpid(child, nullptr, 0) == child);
  }
}

}  // namespace
}  // namespace sluice
