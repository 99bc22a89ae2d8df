#include "allocator/planner.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "allocator/eviction_sets.h"

namespace sluice::allocator {
namespace {

constexpr std::size_t unplannable_max = 1024;

}  // namespace

// Moves that are being tried.
struct Planner::Attempt {
  std::vector<Move> moves;
  std::uint64_t cost = 0;
  std::int64_t rating = 0;  // by the policy: of all new sites, less the old ones
  Site site;                // the request's
};

struct Planner::Search {
  const DemandForecast& forecast;
  const PlanLimits& limits;
  std::uint64_t first = 0;  // node to look at
  std::size_t looks = 0, chains = 0, moves_tried = 0;
  std::set<Shape> no_chain = {};  // shapes for which no room could be made either
};

std::optional<Rating> Planner::rate(NodeIndex node, const Request& request, const DemandForecast& forecast,
                                    DeviceMask among) const {
  const NodeView view = pool_.view(node);
  const Shape shape = shape_of(request);
  if (!node_fits(view, shape)) return std::nullopt;
  const Fragmentation fragmentation(view, forecast);
  return policy_.rate({pool_, node, shape, forecast, fragmentation, pool_.allowed_devices(node, request) & among, 0});
}

// Makes room for a slice that has none, and returns its site. The moves are added to `attempt`.
std::optional<Site> Planner::chain(const Slice& slice, const EvictionSet& set, Search& search, std::size_t moves_max,
                                   Attempt& attempt) {
  const Shape shape = shape_of(slice.request);
  if (moves_max == 0 || search.chains >= search.limits.chains_max || search.no_chain.contains(shape))
    return std::nullopt;
  ++search.chains;
  const auto first = this->search(slice.request, search, moves_max, set.node, false);
  if (!first) {
    search.no_chain.insert(shape);
    return std::nullopt;
  }
  for (const Move& move : first->moves) {
    const std::uint64_t cost = move_cost_of(pool_, pool_.slices().at(move.slice));
    if (!pool_.try_move(move.slice, move.to).ok()) return std::nullopt;
    attempt.moves.push_back(move);
    attempt.cost += cost;
  }
  return first->site;
}

// Moves the slices of a set away. False: one of them has no site. The moves made are in `attempt` in any case.
bool Planner::make_room(const EvictionSet& set, Search& search, std::size_t moves_max, bool chains, Attempt& attempt) {
  for (std::size_t i = 0; i < set.count; ++i) {
    const SliceId id = set.slices[i];
    ++search.moves_tried;
    const Slice slice = pool_.slices().at(id);
    auto to = chooser_.choose(slice.request, search.forecast, 0, {&set.node, 1});
    if (!to)
      if (const auto beside = rate(set.node, slice.request, search.forecast, ~(set.wanted | slice.site.devices)))
        to = Site{set.node, beside->devices};
    if (!to && chains) to = chain(slice, set, search, moves_max - set.count, attempt);
    if (!to) return false;
    if (const auto rating = rate(to->node, slice.request, search.forecast)) attempt.rating += rating->cost;
    const std::uint64_t cost = move_cost_of(pool_, slice);
    if (!pool_.try_move(id, *to).ok()) return false;
    attempt.moves.push_back({id, slice.site, *to});
    attempt.cost += cost;
    // Its old site is free again: its rating is gained.
    if (const auto rating = rate(set.node, slice.request, search.forecast)) attempt.rating -= rating->cost;
  }
  return true;
}

std::optional<Plan> Planner::search(const Request& request, Search& search, std::size_t moves_max, NodeIndex except,
                                    bool chains) {
  const Shape shape = shape_of(request);
  const EvictionQuery query{shape,
                            request.affinity != Affinity::none,
                            moves_max,
                            chains ? 1u : 0u,
                            search.limits.tries_max,
                            except,
                            search.limits.looks_max,
                            search.limits.nodes_max,
                            search.first};
  const auto order = [](const Attempt& attempt) {
    return std::tuple(attempt.cost, attempt.moves.size(), attempt.rating);
  };
  std::optional<Attempt> best;
  for (const EvictionSet& set : find_eviction_sets(pool_, room_, query, search.looks)) {
    if (best && std::tuple(set.least_cost(), set.moves()) > std::tuple(best->cost, best->moves.size())) continue;
    if (search.moves_tried >= search.limits.moves_tried_max) break;
    Attempt attempt;
    const bool moved = make_room(set, search, moves_max, chains, attempt);
    const auto rating =
        moved && attempt.moves.size() <= moves_max ? rate(set.node, request, search.forecast) : std::nullopt;
    for (std::size_t i = 0; i < attempt.moves.size(); ++i) pool_.undo_move();
    if (!rating) continue;
    attempt.rating += rating->cost;
    attempt.site = {set.node, rating->devices};
    if (!best || order(attempt) < order(*best)) best = std::move(attempt);
  }
  return best ? std::optional(Plan{std::move(best->moves), best->site, best->cost}) : std::nullopt;
}

std::optional<Plan> Planner::plan(const Request& request, const DemandForecast& forecast, const PlanLimits& limits) {
  if (limits.moves_max == 0) return std::nullopt;
  // Nothing has changed since no plan was found for this shape.
  const Shape shape = shape_of(request);
  const auto unplannable = unplannable_.find(shape);
  if (unplannable != unplannable_.end() && request.affinity == Affinity::none &&
      unplannable->second == std::pair(pool_.changes().lasting(), limits.moves_max))
    return std::nullopt;
  // Each request changes the pool. The step is shorter than the range that a plan looks at, so in the long run every
  // node is looked at.
  Search search{forecast, limits, pool_.changes().lasting() * 1009};
  auto plan = this->search(request, search, std::min(limits.moves_max, plan_moves_max), no_node, limits.chains);
  if (!plan && request.affinity == Affinity::none) {
    if (unplannable_.size() >= unplannable_max) unplannable_.clear();
    unplannable_[shape] = {pool_.changes().lasting(), limits.moves_max};
  }
  return plan;
}

}  // namespace sluice::allocator
