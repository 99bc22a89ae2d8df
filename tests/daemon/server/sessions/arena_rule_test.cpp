#include "daemon/server/sessions/arena_rule.h"

#include <catch2/catch.hpp>
#include <vector>

#include "wire/arena.h"

namespace sluice::server {
namespace {

constexpr std::uint64_t mib = 1ull << 20;
constexpr std::uint64_t limit = 64 * mib, constant = wire::arena_overhead_bytes_max;

TEST_CASE("a session may use its tenant's limit and the constant, and not a page more") {
  CHECK_FALSE(check_arenas({}, limit));
  CHECK_FALSE(check_arenas(std::vector<ArenaUse>{{1, limit + constant}}, limit));
  const auto excess = check_arenas(std::vector<ArenaUse>{{1, limit + constant + 4096}}, limit);
  REQUIRE(excess);
  CHECK(excess->session_id == 1);
  CHECK(excess->at_once);
  CHECK(excess->reason == "its arena holds 320 MiB, and may hold 320 MiB");
}

TEST_CASE("the sessions of a tenant share its limit, and each has the constant of its own") {
  CHECK_FALSE(check_arenas(std::vector<ArenaUse>{{1, constant}, {2, limit + constant}}, limit));
  const auto excess = check_arenas(std::vector<ArenaUse>{{1, constant + 4096}, {2, limit + constant}}, limit);
  REQUIRE(excess);
  CHECK(excess->session_id == 2);
  CHECK_FALSE(excess->at_once);
}

}  // namespace
}  // namespace sluice::server
