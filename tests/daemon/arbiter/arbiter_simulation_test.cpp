#include <catch2/catch.hpp>

#include "tests/daemon/arbiter/random_scenario.h"

namespace sluice::test {

// `make simulate` runs ten thousand.
TEST_CASE("in random scenarios no cap is broken, every guarantee is kept, nobody starves, and nothing is wasted") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const ScenarioReport report = run_scenario(seed);
    INFO("seed " << seed);
    for (const std::string& what : report.broken) FAIL_CHECK(what);
  }
}

TEST_CASE("a scenario replays from its seed") {
  const ScenarioReport first = run_scenario(42), second = run_scenario(42);
  CHECK(first.decisions == second.decisions);
  CHECK(first.runs == second.runs);
}

}  // namespace sluice::test
