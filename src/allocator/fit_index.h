// FitIndex: which typical requests fit somewhere now. It follows the pool by its log of changes.
//
// Not thread-safe. Deterministic.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

#include "allocator/demand_forecast.h"
#include "allocator/pool.h"

namespace sluice::allocator {

class FitIndex {
 public:
  using Fitting = std::bitset<typical_max>;  // by typical request

  // REQUIRES: the pool outlives it.
  explicit FitIndex(const Pool& pool) : pool_(pool) {}

  // Takes in what changed in the pool since the last call, or looks at every node if the forecast is a new one.
  void update(const DemandForecast& forecast);

  // As of the last update(). Affinity is not looked at: typical requests belong to no tenant.
  Fitting fitting() const;              // those that fit somewhere
  std::uint32_t fitting_share() const;  // their share of all typical requests, in parts of DemandForecast::whole
  // On how many nodes a typical request fits.
  std::uint32_t nodes_for(std::size_t typical) const { return counts_[typical]; }

 private:
  void look(NodeIndex node, const DemandForecast& forecast);

  const Pool& pool_;
  std::vector<Fitting> nodes_;
  std::array<std::uint32_t, typical_max> counts_{}, parts_{};
  std::uint64_t seen_ = 0, epoch_ = 0;
  bool looked_ = false;
};

}  // namespace sluice::allocator
