// Defragmenter: moves slices in the background, while every request still has a place, so that more of the typical
// requests fit.
//
// It first makes room for typical requests that fit nowhere, the most frequent first. What is left of the budget goes
// to single moves that reduce fragmentation (fragmentation.h). After each move of a plan every typical request that fit
// before still fits, so a plan may stop anywhere. Only the single moves reduce fragmentation at each step; making room
// for a request may increase it.
//
// The search is bounded in steps, not in time. Not thread-safe. Deterministic.
#pragma once

#include <cstdint>
#include <vector>

#include "allocator/fit_index.h"
#include "allocator/planner.h"
#include "base/contract.h"

namespace sluice::allocator {

struct DefragmentationBudget {
  std::size_t moves_max = 4;
  std::uint64_t cost_max = ~std::uint64_t{0};  // of the moves together, as move_cost() has it
  std::size_t requests_max = 2;                // typical requests for which the planner is asked
  std::size_t nodes_max = 16;                  // nodes whose slices are looked at for single moves
  std::uint64_t gain_min_milli = 20;           // of a single move, for each stop_mib of its cost
};

struct DefragmentationPlan {
  std::vector<Move> moves;  // in this order
  // The share of typical requests that fit somewhere, in parts of DemandForecast::whole.
  std::uint32_t fitting_before = 0, fitting_after = 0;
};

class Defragmenter {
 public:
  // plan() tries its moves on the pool and undoes them: afterwards only the order of slices_on() may differ.
  // REQUIRES: all outlive it; planner and chooser are of this pool.
  Defragmenter(Pool& pool, Chooser& chooser, Planner& planner)
      : pool_(pool), chooser_(chooser), planner_(planner), fit_index_(pool) {
    SLUICE_REQUIRE(&chooser.pool() == &pool && &planner.pool() == &pool);
  }

  DefragmentationPlan plan(const DemandForecast& forecast, const DefragmentationBudget& budget);

 private:
  struct Work;

  void make_room_for_typical(Work& work);
  void move_singles(Work& work);
  bool move_best_of(NodeIndex node, Work& work);
  std::vector<NodeIndex> most_fragmented(const DemandForecast& forecast, std::size_t count) const;
  bool try_move(const Move& move, std::uint64_t cost, Work& work);
  void undo_to(std::size_t moves, Work& work);

  Pool& pool_;
  Chooser& chooser_;
  Planner& planner_;
  FitIndex fit_index_;
};

}  // namespace sluice::allocator
