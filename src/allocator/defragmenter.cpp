#include "allocator/defragmenter.h"

#include <algorithm>

namespace sluice::allocator {
namespace {

using Wide = __int128;

// A request of this shape, of no tenant.
Request request_of(const Shape& shape) {
  Request request;
  request.gpu.value = shape.gpu_milli;
  request.memory_bytes = shape.memory_bytes;
  request.memory_parts = shape.memory_parts;
  request.devices = shape.devices;
  request.linked = shape.linked;
  request.classes = shape.classes;
  request.cpu_milli = shape.cpu_milli;
  request.host_memory_bytes = shape.host_memory_bytes;
  return request;
}

}  // namespace

struct Defragmenter::Work {
  const DemandForecast& forecast;
  const DefragmentationBudget& budget;
  std::vector<Move> moves;
  std::vector<std::uint64_t> costs;  // of each move
  std::uint64_t cost = 0;
};

// False, and nothing changed: the move costs too much or is not possible, or a typical request that fits now would not.
bool Defragmenter::try_move(const Move& move, std::uint64_t cost, Work& work) {
  if (work.moves.size() >= work.budget.moves_max || cost > work.budget.cost_max - work.cost) return false;
  const FitIndex::Fitting before = fit_index_.fitting();
  if (!pool_.try_move(move.slice, move.to).ok()) return false;
  work.moves.push_back(move);
  work.costs.push_back(cost);
  work.cost += cost;
  fit_index_.update(work.forecast);
  if ((before & ~fit_index_.fitting()).none()) return true;
  undo_to(work.moves.size() - 1, work);
  return false;
}

void Defragmenter::undo_to(std::size_t moves, Work& work) {
  for (; work.moves.size() > moves; work.moves.pop_back(), work.costs.pop_back()) {
    pool_.undo_move();
    work.cost -= work.costs.back();
  }
  fit_index_.update(work.forecast);
}

// Makes room for typical requests that fit nowhere, within the budget.
void Defragmenter::make_room_for_typical(Work& work) {
  std::size_t asked = 0;
  for (std::size_t i = 0; i < work.forecast.typical.size() && asked < work.budget.requests_max; ++i) {
    if (fit_index_.nodes_for(i) > 0 || work.moves.size() >= work.budget.moves_max) continue;
    ++asked;
    PlanLimits limits;
    limits.moves_max = work.budget.moves_max - work.moves.size();
    const auto plan = planner_.plan(request_of(work.forecast.typical[i].shape), work.forecast, limits);
    if (!plan) continue;
    const std::size_t begun = work.moves.size();
    const bool moved = std::all_of(plan->moves.begin(), plan->moves.end(), [&](const Move& move) {
      return try_move(move, move_cost_of(pool_, pool_.slices().at(move.slice)), work);
    });
    if (!moved || fit_index_.nodes_for(i) == 0) undo_to(begun, work);
  }
}

std::vector<NodeIndex> Defragmenter::most_fragmented(const DemandForecast& forecast, std::size_t count) const {
  std::vector<std::pair<std::uint64_t, NodeIndex>> nodes;
  for (NodeIndex node = 0; node < pool_.node_count(); ++node)
    if (!pool_.slices_on(node).empty()) nodes.emplace_back(Fragmentation(pool_.view(node), forecast).now(), node);
  count = std::min(count, nodes.size());
  std::partial_sort(
      nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(count), nodes.end(),
      [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  std::vector<NodeIndex> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(nodes[i].second);
  return chosen;
}

// Moves the slice of the node whose move gains most for its cost, if that is enough.
bool Defragmenter::move_best_of(NodeIndex node, Work& work) {
  const auto fragmented = [&](NodeIndex at) {
    return static_cast<std::int64_t>(Fragmentation(pool_.view(at), work.forecast).now());
  };
  std::optional<Move> best;
  Wide best_gain = 0;
  std::uint64_t best_cost = 1;
  const std::vector<NodeSlice> here = pool_.slices_on(node);
  for (const auto& [id, devices, shape, cost, movable, has_affinity] : here) {
    if (!movable) continue;
    const Slice slice = pool_.slices().at(id);
    const auto to = chooser_.choose(slice.request, work.forecast, 0, {&node, 1});
    if (!to) continue;
    const std::int64_t before = fragmented(node) + fragmented(to->node);
    if (!pool_.try_move(id, *to).ok()) continue;
    const Wide gain = before - fragmented(node) - fragmented(to->node);
    pool_.undo_move();
    if (gain * stop_mib < Wide{work.budget.gain_min_milli} * DemandForecast::whole * cost ||
        (best && gain * best_cost <= best_gain * cost))
      continue;
    best = Move{id, slice.site, *to};
    best_gain = gain;
    best_cost = cost;
  }
  return best && try_move(*best, best_cost, work);
}

void Defragmenter::move_singles(Work& work) {
  for (const NodeIndex node : most_fragmented(work.forecast, work.budget.nodes_max)) {
    if (work.moves.size() >= work.budget.moves_max) return;
    (void)move_best_of(node, work);
  }
}

DefragmentationPlan Defragmenter::plan(const DemandForecast& forecast, const DefragmentationBudget& budget) {
  Work work{forecast, budget, {}, {}, 0};
  fit_index_.update(forecast);
  DefragmentationPlan plan;
  plan.fitting_before = fit_index_.fitting_share();
  make_room_for_typical(work);
  move_singles(work);
  plan.fitting_after = fit_index_.fitting_share();
  plan.moves = work.moves;
  undo_to(0, work);
  return plan;
}

}  // namespace sluice::allocator
