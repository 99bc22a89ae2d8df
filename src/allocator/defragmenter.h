// Defragmenter: moves to be made in the background, while nobody is stuck, so that more of the requests that are
// typical would have a place.
//
// First room is made for typical requests that fit nowhere, the most frequent first. What is left of the budget goes to
// single moves that make less of what is free useless (see Fragmentation). After each move of a plan every typical
// request that had a place before still has one, so a plan may stop anywhere. Only the single moves promise less that
// is useless after each; room that is made for a request may cost some.
//
// The search is bounded in steps, not in time. Not thread-safe. Deterministic.
#pragma once

#include <cstdint>
#include <vector>

#include "allocator/openness.h"
#include "allocator/planner.h"

namespace sluice::allocator {

struct DefragmentationBudget {
  std::size_t moves_max = 4;
  std::uint64_t cost_max = ~std::uint64_t{0};  // of the moves together, as move_cost() has it
  std::size_t rescues_max = 2;                 // typical requests for which the planner is asked
  std::size_t nodes_max = 16;                  // nodes whose slices are looked at for single moves
  std::uint64_t gain_min_milli = 20;           // what a single move must win, for each stop_mib of its cost
};

struct DefragmentationPlan {
  std::vector<Move> moves;  // in this order
  // The share of typical requests that would fit, in parts of Outlook::whole.
  std::uint32_t open_before = 0, open_after = 0;
};

class Defragmenter {
 public:
  // The pool is what it tries moves on: when a call returns, everything in it is as before but the order in which
  // residents() tells.
  // REQUIRES: all outlive it; planner and chooser are the pool's.
  Defragmenter(Pool& pool, Chooser& chooser, Planner& planner)
      : pool_(pool), chooser_(chooser), planner_(planner), openness_(pool) {}

  DefragmentationPlan plan(const Outlook& outlook, const DefragmentationBudget& budget);

 private:
  struct Work;

  void open_closed(Work& work);
  void move_singles(Work& work);
  bool move_best_of(NodeIndex node, Work& work);
  std::vector<NodeIndex> most_fragmented(const Outlook& outlook, std::size_t count) const;
  bool try_move(const Move& move, std::uint64_t cost, Work& work);
  void undo_to(std::size_t moves, Work& work);

  Pool& pool_;
  Chooser& chooser_;
  Planner& planner_;
  Openness openness_;
};

}  // namespace sluice::allocator
