// Openness: which typical requests would have a place now. It follows the pool by its history of changes.
//
// Not thread-safe. Deterministic.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

#include "allocator/outlook.h"
#include "allocator/pool.h"

namespace sluice::allocator {

class Openness {
 public:
  using Fitting = std::bitset<typical_max>;  // by typical request

  // REQUIRES: the pool outlives it.
  explicit Openness(const Pool& pool) : pool_(pool) {}

  // Brings it up to date with pool and outlook: what changed, or everything when the outlook is a new one.
  void catch_up(const Outlook& outlook);

  Fitting open() const;         // those that would fit somewhere. Affinity is not looked at: these are nobody's
  std::uint32_t share() const;  // of the typical requests, in parts of Outlook::whole
  std::uint32_t nodes_for(std::size_t typical) const { return counts_[typical]; }

 private:
  void look(NodeIndex node, const Outlook& outlook);

  const Pool& pool_;
  std::vector<Fitting> nodes_;
  std::array<std::uint32_t, typical_max> counts_{}, parts_{};
  std::uint64_t seen_ = 0, epoch_ = 0;
  bool looked_ = false;
};

}  // namespace sluice::allocator
