#include "daemon/sessions/tenant_page.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <utility>
#include <vector>

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

// ---- a limit that is changed while sessions allocate ----

TEST_CASE("a limit below what is held takes nothing away and lets nothing more be had") {
  const auto page = make_page(1000);
  TenantMemory memory(page.bytes(), 0);
  REQUIRE(memory.reserve(800).ok());
  TenantMemory::set_limit(page.bytes(), 500);
  CHECK(memory.held_by_session() == 800);
  CHECK(memory.reserve(1).message() == "asked for 1 B with 800 B of 500 B held");
  memory.release(300);
  CHECK_FALSE(memory.reserve(1).ok());
  memory.release(1);
  CHECK(memory.reserve(1).ok());
  TenantMemory::set_limit(page.bytes(), 501);
  CHECK(memory.reserve(1).ok());
  CHECK_FALSE(memory.reserve(1).ok());
}

// Sessions in processes of their own, which end with this object.
class Sessions {
 public:
  template <typename Body>
  Sessions(std::size_t count, Body body) {
    for (std::size_t slot = 0; slot < count; ++slot) {
      const pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) body(slot);
      children_.push_back(child);
    }
  }
  ~Sessions() {
    for (const pid_t child : children_) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
  }
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  // What all hold at one moment: a sum that is read while they run is of many moments.
  std::uint64_t held_at_once(const wire::SharedMemory& page) const {
    for (const pid_t child : children_) {
      REQUIRE(kill(child, SIGSTOP) == 0);
      int status = 0;
      REQUIRE(waitpid(child, &status, WUNTRACED) == child);
      REQUIRE(WIFSTOPPED(status));
    }
    const std::uint64_t held = TenantMemory::held_by_tenant(page.bytes());
    for (const pid_t child : children_) REQUIRE(kill(child, SIGCONT) == 0);
    return held;
  }

 private:
  std::vector<pid_t> children_;
};

// Takes whatever it can get, down to single bytes, and keeps it.
[[noreturn]] void hoard(std::span<std::byte> page, std::size_t slot) {
  std::mt19937 random(static_cast<unsigned>(slot));
  TenantMemory memory(page, slot);
  for (;;)
    if (!memory.reserve(random() % 50 + 1).ok() && !memory.reserve(1).ok()) usleep(100);
}

// Holds up to eight pieces, taking and giving back at random.
[[noreturn]] void juggle(std::span<std::byte> page, std::size_t slot) {
  std::mt19937 random(static_cast<unsigned>(slot));
  TenantMemory memory(page, slot);
  std::uint64_t pieces[8] = {};
  for (;;) {
    std::uint64_t& piece = pieces[random() % 8];
    const std::uint64_t bytes = random() % 100 + 1;
    if (piece != 0) memory.release(std::exchange(piece, 0));
    else if (memory.reserve(bytes).ok()) piece = bytes;
  }
}

TEST_CASE("a limit that is raised while sessions allocate is filled to the byte and not passed") {
  std::uint64_t limit = 1000;
  const auto page = make_page(limit);
  const Sessions sessions(4, [&page](std::size_t slot) { hoard(page.bytes(), slot); });
  std::mt19937 random(11);
  for (int raise = 0; raise < 60; ++raise) {
    for (int looks = 0; TenantMemory::held_by_tenant(page.bytes()) < limit && looks < 20'000; ++looks) usleep(100);
    REQUIRE(sessions.held_at_once(page) == limit);
    limit += random() % 200;
    TenantMemory::set_limit(page.bytes(), limit);
  }
}

TEST_CASE("a limit that is lowered while sessions allocate holds from then on, at every moment") {
  const std::uint64_t high = 1000;
  const auto page = make_page(high);
  const Sessions sessions(4, [&page](std::size_t slot) { juggle(page.bytes(), slot); });
  std::mt19937 random(12);
  std::uint64_t most = 0;
  for (int round = 0; round < 40; ++round) {
    const std::uint64_t low = 50 + random() % 500;
    TenantMemory::set_limit(page.bytes(), low);
    (void)TenantMemory(page.bytes(), 200).reserve(0);  // takes the lock: who was in the middle of a reservation is done
    // What was held before may stay until its holder gives it back, for which it must get to run: a look stops it.
    for (int looks = 0; sessions.held_at_once(page) > low; ++looks) {
      REQUIRE(looks < 10'000);
      usleep(100);
    }
    for (int looks = 0; looks < 10; ++looks) REQUIRE(sessions.held_at_once(page) <= low);
    TenantMemory::set_limit(page.bytes(), high);
    for (int looks = 0; looks < 10; ++looks) most = std::max(most, sessions.held_at_once(page));
  }
  CHECK(most <= high);
  CHECK(most > 500);
}

}  // namespace
}  // namespace sluice
