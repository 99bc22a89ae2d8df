// Runs random scenarios: `simulate COUNT [FIRST SEED]`. Prints each broken promise with its seed, then a line of sums;
// ends with 1 if anything was broken.
#include <cstdio>
#include <cstdlib>

#include "tests/daemon/arbiter/random_scenario.h"

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::uint64_t broken = 0, decisions = 0, runs = 0, sessions = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const sluice::test::ScenarioReport report = sluice::test::run_scenario(seed);
    decisions += report.decisions;
    runs += report.runs;
    sessions += report.sessions;
    broken += report.broken.empty() ? 0 : 1;
    for (const std::string& what : report.broken)
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), what.c_str());
  }
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf("%llu scenarios from seed %llu: %llu broken; %llu sessions, %llu commands, %llu decisions\n",
              number(count), number(first), number(broken), number(sessions), number(runs), number(decisions));
  return broken == 0 ? 0 : 1;
}
