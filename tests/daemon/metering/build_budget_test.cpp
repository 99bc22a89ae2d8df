#include "daemon/metering/build_budget.h"

#include <catch2/catch.hpp>

namespace sluice::metering {
namespace {

constexpr Nanoseconds s = ns_per_s;

TEST_CASE("a session may use four builds' processor time, by the device's units") {
  BuildBudget budget(10 * s, 2, {});
  CHECK(budget.allows({0, 0, 20 * s}));
  CHECK_FALSE(budget.allows({0, 0, 20 * s + 1}));
}

TEST_CASE("that begins anew when the session is charged device time") {
  BuildBudget budget(10 * s, 2, {});
  CHECK(budget.allows({0, 1, 15 * s}));
  CHECK(budget.allows({0, 1, 35 * s}));
  CHECK_FALSE(budget.allows({0, 1, 35 * s + 1}));
}

TEST_CASE("what was built before is no part of it, nor what the worker reports") {
  BuildBudget budget(10 * s, 1, {0, 5 * s, 100 * s});
  CHECK(budget.allows({0, 5 * s, 140 * s}));
  CHECK_FALSE(budget.allows({50 * s, 5 * s, 140 * s + 1}));
}

}  // namespace
}  // namespace sluice::metering
