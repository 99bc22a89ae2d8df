// Planner: which slices to move so that a request that fits nowhere fits.
//
// It looks for the cheapest moves by move_cost(), which counts each program that is stopped, and the bytes copied; of
// equal costs for the fewest moves, then for what the policy rates best. A slice moves to the site that the policy
// chooses; if there is none, another slice may first make room for it (a chain of two moves). Every state on the way is
// valid: the moves are made in order, and may stop anywhere.
//
// The search is bounded in steps, not in time: the same pool and request give the same plan on every machine. It is not
// exhaustive: without a plan, one may still exist.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "allocator/chooser.h"
#include "allocator/eviction_sets.h"
#include "base/contract.h"

namespace sluice::allocator {

struct Move {
  SliceId slice = 0;
  Site from, to;
};

struct Plan {
  std::vector<Move> moves;  // in this order
  Site site;                // where the request fits after them
  std::uint64_t cost = 0;   // the sum of their move_cost()
};

struct PlanLimits {
  std::size_t moves_max = 2;  // at most plan_moves_max
  bool chains = true;
  std::size_t looks_max = 400'000;   // combinations of slices looked at
  std::size_t nodes_max = 4096;      // looked at; in larger pools each plan begins at another node
  std::size_t tries_max = 24;        // eviction sets that are tried, of each number of moves
  std::size_t moves_tried_max = 80;  // by all sets together
  std::size_t chains_max = 2;        // searches for room for a slice without any
};

class Planner {
 public:
  // plan() tries its moves on the pool and undoes them: afterwards only the order of slices_on() may differ.
  // REQUIRES: all three outlive it; the chooser is of this pool.
  Planner(Pool& pool, const Policy& policy, Chooser& chooser)
      : pool_(pool), policy_(policy), chooser_(chooser), room_(pool) {
    SLUICE_REQUIRE(&chooser.pool() == &pool);
  }

  // Empty: none was found. REQUIRES: the request fits nowhere now.
  std::optional<Plan> plan(const Request& request, const DemandForecast& forecast, const PlanLimits& limits);

  const Pool& pool() const { return pool_; }

 private:
  struct Attempt;
  struct Search;

  std::optional<Plan> search(const Request& request, Search& search, std::size_t moves_max, NodeIndex except,
                             bool chains);
  bool make_room(const EvictionSet& set, Search& search, std::size_t moves_max, bool chains, Attempt& attempt);
  std::optional<Site> chain(const Slice& slice, const EvictionSet& set, Search& search, std::size_t moves_max,
                            Attempt& attempt);
  std::optional<Rating> rate(NodeIndex node, const Request& request, const DemandForecast& forecast,
                             DeviceMask among = ~DeviceMask{0}) const;

  Pool& pool_;
  const Policy& policy_;
  Chooser& chooser_;
  RoomIndex room_;
  std::map<Shape, std::pair<std::uint64_t, std::size_t>>
      unplannable_;  // -> at which change, for how many moves no plan was found
};

}  // namespace sluice::allocator
