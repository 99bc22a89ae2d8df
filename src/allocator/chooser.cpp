#include "allocator/chooser.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace sluice::allocator {
namespace {

constexpr DeviceMask all_devices = ~DeviceMask{0};

const DemandForecast& empty_forecast() {
  static const DemandForecast empty;
  return empty;
}

// Policies without a forecast get an empty one, which costs no counting.
const DemandForecast& forecast_for(const Policy& policy, const DemandForecast& forecast) {
  return policy.uses_forecast ? forecast : empty_forecast();
}

bool contains(std::span<const NodeIndex> nodes, NodeIndex node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

std::optional<Site> choose_by_scan(const Pool& pool, const Policy& policy, const Request& request,
                                   const DemandForecast& full_forecast, std::uint64_t draw,
                                   std::span<const NodeIndex> except) {
  const DemandForecast& forecast = forecast_for(policy, full_forecast);
  const Shape shape = shape_of(request);
  std::optional<Rating> best;
  NodeIndex best_node = 0;
  for (NodeIndex node = 0; node < pool.node_count(); ++node) {
    const NodeView view = pool.view(node);
    if (contains(except, node) || !node_fits(view, shape)) continue;
    const Fragmentation fragmentation(view, forecast);
    const auto rating =
        policy.rate({pool, node, shape, forecast, fragmentation, pool.allowed_devices(node, request), draw});
    if (!rating) continue;
    if (best && (rating->cost > best->cost ||
                 (rating->cost == best->cost && pool.view(node).node.rank >= pool.view(best_node).node.rank)))
      continue;
    best = rating;
    best_node = node;
  }
  return best ? std::optional(Site{best_node, best->devices}) : std::nullopt;
}

// The fragmentation of each node, computed when it is first needed.
class Chooser::FragmentationCache {
 public:
  explicit FragmentationCache(std::size_t nodes) : entries_(nodes) {}

  const Fragmentation& of(NodeIndex node, const NodeView& view, const DemandForecast& forecast) {
    std::optional<Fragmentation>& entry = entries_[node];
    if (!entry || !entry->holds_for(view, forecast)) entry.emplace(view, forecast);
    return *entry;
  }

 private:
  std::vector<std::optional<Fragmentation>> entries_;
};

// How many nodes one decision may rate.
struct Chooser::Effort {
  std::size_t first_sight, changed, renewed, looks, swept;
};

// A tournament: the leaves are the nodes, each inner place holds the better of the two below it, with what it is judged
// by, so that a match looks at two neighbours and at nothing else. A node that was never rated, or did not fit when it
// was, has no part in it.
class Chooser::Ranking {
 public:
  Ranking(const Pool& pool, const Policy& policy, FragmentationCache& fragmentations, const Shape& shape,
          const DemandForecast& forecast, const Effort& effort)
      : pool_(pool),
        policy_(policy),
        fragmentations_(fragmentations),
        shape_(shape),
        leaves_(std::bit_ceil(std::max<std::size_t>(pool.node_count(), 1))),
        sweep_step_(sweep_step(pool.node_count())),
        ratings_(pool.node_count()),
        winners_(2 * leaves_),
        seen_(pool.changes().end()),
        epoch_(forecast.epoch) {
    for (; known_ < std::min(ratings_.size(), effort.first_sight); ++known_) {
      const NodeIndex node = in_sweep(known_);
      rate(node, forecast);
      winners_[leaves_ + node] = entrant(node);
    }
    swept_ = known_;
    for (std::size_t i = leaves_ - 1; i > 0; --i) winners_[i] = better(winners_[2 * i], winners_[2 * i + 1]);
  }

  void refresh(const DemandForecast& forecast, const Effort& effort) {
    if (policy_.uses_forecast && forecast.epoch != epoch_) {
      epoch_ = forecast.epoch;
      swept_ = 0;
    }
    if (seen_ < pool_.changes().begin()) {
      seen_ = pool_.changes().end();
      known_ = 0;
      rate_unknown(forecast, effort.first_sight);
    }
    const std::uint64_t end = std::min(pool_.changes().end(), seen_ + effort.looks);
    for (std::size_t left = effort.changed; left > 0 && seen_ < end; ++seen_)
      left -= update(pool_.changes()[seen_], forecast, false) ? 1 : 0;
    // Not both: a node that is rated for the first time is rated under this forecast.
    if (known_ < ratings_.size()) return rate_unknown(forecast, effort.changed);
    for (std::size_t left = effort.swept; left > 0 && swept_ < ratings_.size(); --left, ++swept_)
      update(in_sweep(swept_), forecast, true);
  }

  // The best rated node that `may` be taken.
  template <typename May>
  std::optional<Site> choose(const DemandForecast& forecast, const Effort& effort, May may) {
    Entrant chosen = best(forecast, effort, may);
    const bool saw_all = subtrees_.empty() && seen_ == pool_.changes().end() && known_ == ratings_.size();
    if (chosen.node == no_node && !saw_all) chosen = best_of_some(forecast, effort, may);
    if (chosen.node == no_node) return std::nullopt;
    return Site{chosen.node, ratings_[chosen.node].rating.devices};
  }

  std::uint64_t asked_at = 0;

 private:
  struct Rated {
    Rating rating;
    std::uint64_t version = 0;  // of the node; 0: it was never rated
    bool fits = false;
  };

  struct Entrant {
    std::int64_t cost = INT64_MAX;
    std::uint32_t rank = ~0u;
    NodeIndex node = no_node;

    // Of equal costs the lowest rank, then the lowest index. The default entrant loses to all.
    bool beats(const Entrant& other) const {
      if (cost != other.cost) return cost < other.cost;
      return rank != other.rank ? rank < other.rank : node < other.node;
    }
  };

  Entrant entrant(NodeIndex node) const {
    const Rated& rated = ratings_[node];
    return rated.fits ? Entrant{rated.rating.cost, pool_.view(node).node.rank, node} : Entrant{};
  }

  static const Entrant& better(const Entrant& a, const Entrant& b) { return b.beats(a) ? b : a; }

  // About a golden section of the nodes, and no divisor in common with their number.
  static std::size_t sweep_step(std::size_t nodes) {
    std::size_t step = nodes * 618 / 1000 | 1;
    while (std::gcd(step, nodes) > 1) ++step;
    return step;
  }

  // An order whose first nodes are a sample of all nodes, in whatever order these are listed.
  NodeIndex in_sweep(std::size_t place) const { return static_cast<NodeIndex>(place * sweep_step_ % ratings_.size()); }

  // Rates nodes that were never rated, or whose changes the log has forgotten.
  void rate_unknown(const DemandForecast& forecast, std::size_t nodes) {
    for (; nodes > 0 && known_ < ratings_.size(); ++known_) nodes -= update(in_sweep(known_), forecast, false) ? 1 : 0;
  }

  // A node that changed since it was rated is rated again before it is chosen: most often it is worse now.
  Entrant best(const DemandForecast& forecast, const Effort& effort, auto may) {
    const auto worse = [this](std::size_t a, std::size_t b) { return winners_[b].beats(winners_[a]); };
    Entrant chosen;
    renewed_.clear();
    subtrees_.assign(1, 1);
    for (std::size_t looks = effort.looks; looks > 0 && !subtrees_.empty() && renewed_.size() < effort.renewed;
         --looks) {
      std::pop_heap(subtrees_.begin(), subtrees_.end(), worse);
      const std::size_t subtree = subtrees_.back();
      subtrees_.pop_back();
      const NodeIndex node = winners_[subtree].node;
      if (node == no_node) continue;
      if (chosen.beats(winners_[subtree])) break;
      const bool fresh = is_fresh(node);
      if (!fresh) rate(node, forecast), renewed_.push_back(node);
      if (ratings_[node].fits && may(node)) {
        chosen = better(chosen, entrant(node));
        if (fresh) break;
      }
      // The subtrees that it beat on its way up by its old rating.
      for (std::size_t i = leaves_ + node; i != subtree; i /= 2) {
        subtrees_.push_back(i ^ 1);
        std::push_heap(subtrees_.begin(), subtrees_.end(), worse);
      }
    }
    for (const NodeIndex node : renewed_) replay(node);
    return chosen;
  }

  // Where there is more to rate than one decision may: the best of some fitting nodes.
  Entrant best_of_some(const DemandForecast& forecast, const Effort& effort, auto may) {
    Entrant chosen;
    std::size_t left = effort.changed;
    bool fits_none = true;
    for (std::size_t place = 0; place < ratings_.size() && left > 0; ++place) {
      const NodeIndex node = in_sweep(place);
      if (!node_fits(pool_.view(node), shape_)) continue;
      fits_none = false;
      if (!may(node)) continue;
      update(node, forecast, false);
      chosen = better(chosen, entrant(node));
      --left;
    }
    if (fits_none) {  // nothing to rate until the pool changes
      seen_ = pool_.changes().end();
      known_ = ratings_.size();
    }
    return chosen;
  }

  bool is_fresh(NodeIndex node) const { return ratings_[node].version == pool_.view(node).node.version; }

  // True: the node fits, or did.
  bool rate(NodeIndex node, const DemandForecast& forecast) {
    Rated& rated = ratings_[node];
    const bool fitted = rated.fits;
    const NodeView view = pool_.view(node);
    rated.version = view.node.version;
    rated.fits = node_fits(view, shape_);
    if (rated.fits)
      rated.rating =
          *policy_.rate({pool_, node, shape_, forecast, fragmentations_.of(node, view, forecast), all_devices, 0});
    return fitted || rated.fits;
  }

  // True: the node was rated. A node that does not fit is not rated, and costs nothing.
  bool update(NodeIndex node, const DemandForecast& forecast, bool anyway) {
    if (!anyway && is_fresh(node)) return false;
    if (rate(node, forecast)) replay(node);
    return ratings_[node].fits;
  }

  // The node's rating has changed: repeats its matches, up to the first that it lost before and loses again.
  void replay(NodeIndex node) {
    std::size_t i = leaves_ + node;
    winners_[i] = entrant(node);
    for (i /= 2; i > 0; i /= 2) {
      const Entrant before = std::exchange(winners_[i], better(winners_[2 * i], winners_[2 * i + 1]));
      if (winners_[i].node == before.node && before.node != node) return;
    }
  }

  const Pool& pool_;
  const Policy& policy_;
  FragmentationCache& fragmentations_;
  const Shape shape_;
  const std::size_t leaves_, sweep_step_;
  std::vector<Rated> ratings_;
  std::vector<Entrant> winners_;
  std::vector<std::size_t> subtrees_;  // of best(): places in winners_ that it has not looked at, a heap
  std::vector<NodeIndex> renewed_;     // of best(): nodes that it rated again
  std::uint64_t seen_;                 // the pool's changes before this one are in the ratings
  std::size_t known_ = 0;              // and those of the first so many nodes of a sweep
  std::uint64_t epoch_;                // of the forecast by which the first nodes of a sweep are rated,
  std::size_t swept_ = 0;              // so many
};

Chooser::Chooser(const Pool& pool, const Policy& policy, Settings settings)
    : pool_(pool),
      policy_(policy),
      settings_(settings),
      fragmentations_(std::make_unique<FragmentationCache>(pool.node_count())) {}

Chooser::~Chooser() = default;

Chooser::Effort Chooser::effort() const {
  const std::size_t share = pool_.node_count() / settings_.forecast_share + 1;
  return {settings_.first_nodes_max, settings_.changed_nodes_max, settings_.renewed_nodes_max, settings_.looks_max,
          std::min<std::size_t>(share, settings_.forecast_nodes_max)};
}

Chooser::Ranking& Chooser::ranking_of(const Shape& shape, const DemandForecast& forecast) {
  const auto found = rankings_.find(shape);
  if (found != rankings_.end()) return *found->second;
  if (rankings_.size() >= settings_.shapes_max)
    rankings_.erase(std::min_element(rankings_.begin(), rankings_.end(), [](const auto& a, const auto& b) {
      return a.second->asked_at < b.second->asked_at;
    }));
  auto fresh = std::make_unique<Ranking>(pool_, policy_, *fragmentations_, shape, forecast, effort());
  return *rankings_.emplace(shape, std::move(fresh)).first->second;
}

std::optional<Site> Chooser::choose(const Request& request, const DemandForecast& full_forecast, std::uint64_t draw,
                                    std::span<const NodeIndex> except) {
  const DemandForecast& forecast = forecast_for(policy_, full_forecast);
  if (!policy_.steady || request.affinity != Affinity::none)
    return choose_by_scan(pool_, policy_, request, forecast, draw, except);
  // Host memory decides where a request fits, not how well: requests that differ in it alone share a ranking.
  Shape shape = shape_of(request);
  shape.host_memory_bytes = 0;
  Ranking& ranking = ranking_of(shape, forecast);
  ranking.asked_at = ++asked_;
  ranking.refresh(forecast, effort());
  return ranking.choose(forecast, effort(), [&](NodeIndex node) {
    return !contains(except, node) && pool_.view(node).node.host_free >= request.host_memory_bytes;
  });
}

}  // namespace sluice::allocator
