// Churn: requests arrive as a Poisson process and leave after an exponential lifetime; what has no place on arrival is
// lost. The load is what would be in use if nothing were lost, as a part of the pool.
#pragma once

#include <cstdint>
#include <vector>

#include "allocator/policy.h"
#include "tools/sim/operator.h"

namespace sluice::sim {

struct ChurnSettings {
  double load = 1;
  double settle_lifetimes = 4, lifetimes = 8;  // means; what happens before the pool has settled is not counted
  std::size_t moves = 0;
  std::size_t background = 0;  // moves that may be made after every background_every arrivals, though nobody is stuck
  // Nothing is ever in the way but the total: what a pool could do that repacks everything at each arrival, were there
  // but one large device. A bound that no policy reaches.
  bool oracle = false;
};

struct ChurnResult {
  std::uint64_t requests = 0, milli = 0;
  std::uint64_t rejected = 0, rejected_milli = 0;
  std::uint64_t rejected_with_room = 0;  // although as many milli-GPU were free in total
  Rescues rescues;
  std::vector<std::uint32_t> decision_ns;
};

// Each arrival is one of `requests`, drawn evenly.
ChurnResult churn(const std::vector<allocator::NodeSpec>& nodes, const std::vector<allocator::Request>& requests,
                  const allocator::Policy& policy, std::uint64_t seed, const ChurnSettings& settings);

}  // namespace sluice::sim
