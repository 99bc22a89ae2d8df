#include "daemon/metering/build_budget.h"

#include <catch2/catch.hpp>

namespace sluice::metering {
namespace {

constexpr Nanoseconds s = ns_per_s;

Account account(const Books& books, Nanoseconds cpu_ns = 0) { return {books, cpu_ns, 0}; }

TEST_CASE("a session may use four builds' processor time, by the device's units") {
  BuildBudget budget(10 * s, 2, Proof::processor_time, {});
  CHECK(budget.allows(account({0, 0, 20 * s})));
  CHECK_FALSE(budget.allows(account({0, 0, 20 * s + 1})));
}

TEST_CASE("that begins anew when the session is charged device time") {
  BuildBudget budget(10 * s, 2, Proof::processor_time, {});
  CHECK(budget.allows(account({0, 1, 15 * s})));
  CHECK(budget.allows(account({0, 1, 35 * s})));
  CHECK_FALSE(budget.allows(account({0, 1, 35 * s + 1})));
}

TEST_CASE("what was built before is no part of it, nor what the worker reports") {
  BuildBudget budget(10 * s, 1, Proof::processor_time, account({0, 5 * s, 100 * s}));
  CHECK(budget.allows(account({0, 5 * s, 140 * s})));
  CHECK_FALSE(budget.allows(account({50 * s, 5 * s, 140 * s + 1})));
}

TEST_CASE("where kernels run elsewhere, all of the worker's processor time counts, and none of it where they do not") {
  BuildBudget elsewhere(10 * s, 2, Proof::held_time, account({}, 100 * s));
  CHECK(elsewhere.allows(account({}, 140 * s)));
  CHECK_FALSE(elsewhere.allows(account({}, 140 * s + 2)));
  CHECK(elsewhere.allows(account({0, 1, 0}, 140 * s + 2)));
  BuildBudget here(10 * s, 2, Proof::processor_time, account({}, 100 * s));
  CHECK(here.allows(account({}, 200 * s)));
}

}  // namespace
}  // namespace sluice::metering
