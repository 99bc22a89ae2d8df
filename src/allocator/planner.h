// Planner: which slices to move so that a request that fits nowhere has a place.
//
// The cheapest moves, by move_cost(), which counts each program that is stopped, and its bytes; of equally cheap plans
// the one of the fewest moves, of those the one that the policy likes best. A slice moves to where the policy would put
// it; if that is nowhere, another may first make room for it (a chain of two). Each state on the way is a valid one:
// moves are to be made in their order, and a plan may stop anywhere.
//
// The search is bounded in steps, not in time: the same pool and request give the same plan on every machine. It is not
// exhaustive: no plan does not mean that none exists.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "allocator/chooser.h"
#include "allocator/leaving.h"

namespace sluice::allocator {

struct Move {
  SliceId slice = 0;
  Site from, to;
};

struct Plan {
  std::vector<Move> moves;  // in this order
  Site site;                // where the request then fits
  std::uint64_t cost = 0;   // of the moves together, as move_cost() has it
};

struct PlanLimits {
  std::size_t moves_max = 2;  // at most plan_moves_max
  bool chains = true;
  std::size_t looks_max = 400'000;   // combinations of slices looked at
  std::size_t nodes_max = 4096;      // where there are more, each plan begins at another
  std::size_t tries_max = 24;        // of those, the best of each number of moves that are gone through
  std::size_t moves_tried_max = 80;  // by them all together
  std::size_t chains_max = 2;        // looks for room for a slice that has none
};

class Planner {
 public:
  // The pool is what it tries moves on: when a call returns, everything in it is as before but the order in which
  // residents() tells.
  // REQUIRES: all three outlive it, and the chooser is the pool's.
  Planner(Pool& pool, const Policy& policy, Chooser& chooser)
      : pool_(pool), policy_(policy), chooser_(chooser), room_(pool) {}

  // None: not found. REQUIRES: the request fits nowhere as it is.
  std::optional<Plan> plan(const Request& request, const Outlook& outlook, const PlanLimits& limits);

 private:
  struct Attempt;
  struct Search;

  std::optional<Plan> search(const Request& request, Search& search, std::size_t moves_max, NodeIndex except,
                             bool chains);
  bool make_room(const LeavingSet& set, Search& search, std::size_t moves_max, bool chains, Attempt& attempt);
  std::optional<Site> chain(const Slice& slice, const LeavingSet& set, Search& search, std::size_t moves_max,
                            Attempt& attempt);
  std::optional<Rating> rate(NodeIndex node, const Request& request, const Outlook& outlook,
                             DeviceMask among = ~DeviceMask{0}) const;

  Pool& pool_;
  const Policy& policy_;
  Chooser& chooser_;
  RoomIndex room_;
  std::map<Shape, std::pair<std::uint64_t, std::size_t>> hopeless_;  // -> since which change, for how many moves
};

}  // namespace sluice::allocator
