#include "daemon/server/sessions/attach_turns.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::server;

namespace {

constexpr std::uint64_t churner = 1, other = 2;

std::size_t idle(std::uint64_t) { return 0; }

// The order in which all that wait are served, with more workers than anybody needs.
std::vector<std::uint64_t> order_of(AttachTurns& turns, std::vector<std::uint64_t> waiting) {
  std::vector<std::uint64_t> order;
  while (const auto next = turns.next(waiting, 100, idle, ns_per_s)) {
    order.push_back(waiting[*next]);
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(*next));
  }
  return order;
}

}  // namespace

TEST_CASE("tenants take turns, however many programs of one wait") {
  AttachTurns turns(false);
  CHECK(order_of(turns, {1, 1, 1, 1, 2, 2, 3}) == std::vector<std::uint64_t>{1, 2, 3, 1, 2, 1, 1});
}

TEST_CASE("programs of one tenant are served in the order of their coming") {
  AttachTurns turns(false);
  const std::vector<std::uint64_t> waiting{other, churner, churner};
  CHECK(turns.next(waiting, 1, idle, ns_per_s) == 0);
  CHECK(turns.next(waiting, 1, idle, ns_per_s) == 1);
}

TEST_CASE("a tenant with too many sessions that come or go waits, and others do not") {
  AttachTurns turns(false);
  const auto busy = [](std::uint64_t tenant) { return tenant == churner ? AttachTurns::busy_max : 0; };
  const std::vector<std::uint64_t> waiting{churner, churner, other}, alone{churner};
  CHECK(turns.next(waiting, 5, busy, ns_per_s) == 2);
  CHECK_FALSE(turns.next(alone, 5, busy, ns_per_s));
}

TEST_CASE("one who comes all the time leaves the last worker to one who comes seldom") {
  AttachTurns turns(true);
  const std::vector<std::uint64_t> alone{churner}, both{churner, other};
  for (std::uint32_t i = 0; i < AttachTurns::prompt_at_once; ++i) CHECK(turns.next(alone, 1, idle, ns_per_s) == 0);
  CHECK_FALSE(turns.next(alone, 1, idle, ns_per_s));
  CHECK(turns.next(alone, 2, idle, ns_per_s) == 0);
  CHECK(turns.next(both, 1, idle, ns_per_s) == 1);
  CHECK(turns.next(alone, 1, idle, 3 * ns_per_s) == 0);
}

TEST_CASE("where one worker is kept it is anybody's") {
  AttachTurns turns(false);
  const std::vector<std::uint64_t> alone{churner};
  for (int i = 0; i < 100; ++i) CHECK(turns.next(alone, 1, idle, ns_per_s) == 0);
  CHECK_FALSE(turns.next(alone, 0, idle, ns_per_s));
  CHECK_FALSE(turns.next({}, 1, idle, ns_per_s));
}
