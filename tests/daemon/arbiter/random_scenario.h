// Random scenarios for the arbiter, each from a seed: tenants of all classes with programs of all habits share a device
// for some seconds of virtual time, a fifth of them with workers that lie about what they did. What must hold whatever
// happens is then looked for in what the model wrote down.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::test {

struct ScenarioReport {
  std::uint64_t seed = 0;
  std::size_t tenants = 0, sessions = 0, runs = 0, grants = 0;
  std::uint64_t decisions = 0;
  std::vector<std::string> broken;  // sentences; empty: all is well
};

ScenarioReport run_scenario(std::uint64_t seed);

}  // namespace sluice::test
