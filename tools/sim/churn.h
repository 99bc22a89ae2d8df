// Churn: requests arrive as a Poisson process and leave after an exponential lifetime; a request that does not fit
// on arrival is lost. The load is what would be in use if nothing were lost, as a part of the pool.
#pragma once

#include <cstdint>
#include <vector>

#include "allocator/policy.h"
#include "tools/sim/simulated_daemon.h"

namespace sluice::sim {

struct ChurnSettings {
  double load = 1;
  double settle_lifetimes = 4, lifetimes = 8;  // means; what arrives before the pool has settled is not counted
  std::size_t moves = 0;
  std::size_t background = 0;  // moves after every background_every arrivals, though no request is waiting
  // As if the pool were one large device: only the total limits what fits. A bound that no policy reaches.
  bool one_large_device = false;
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
