#include "allocator/chooser.h"

#include <algorithm>
#include <bit>

namespace sluice::allocator {
namespace {

constexpr DeviceMask all_devices = ~DeviceMask{0};

const Outlook& nothing_foreseen() {
  static const Outlook empty;
  return empty;
}

// What a policy may look at: one that does not foresee is spared the counting.
const Outlook& outlook_for(const Policy& policy, const Outlook& outlook) {
  return policy.foresees ? outlook : nothing_foreseen();
}

}  // namespace

std::optional<Site> choose_by_scan(const Pool& pool, const Policy& policy, const Request& request,
                                   const Outlook& full_outlook, std::uint64_t draw, NodeIndex except) {
  const Outlook& outlook = outlook_for(policy, full_outlook);
  const Shape shape = shape_of(request);
  std::optional<Rating> best;
  NodeIndex best_node = 0;
  for (NodeIndex node = 0; node < pool.node_count(); ++node) {
    const NodeView view = pool.view(node);
    if (node == except || !node_fits(view, shape)) continue;
    const Fragmentation fragmentation(view, outlook);
    const auto rating =
        policy.rate({pool, node, shape, outlook, fragmentation, pool.allowed_devices(node, request), draw});
    if (!rating) continue;
    if (best && (rating->cost > best->cost ||
                 (rating->cost == best->cost && pool.view(node).node.rank >= pool.view(best_node).node.rank)))
      continue;
    best = rating;
    best_node = node;
  }
  return best ? std::optional(Site{best_node, best->devices}) : std::nullopt;
}

// The fragmentation of each node, counted when it is first asked for.
class Chooser::NodeBook {
 public:
  explicit NodeBook(std::size_t nodes) : entries_(nodes) {}

  const Fragmentation& of(NodeIndex node, const NodeView& view, const Outlook& outlook) {
    std::optional<Fragmentation>& entry = entries_[node];
    if (!entry || !entry->holds_for(view, outlook)) entry.emplace(view, outlook);
    return *entry;
  }

 private:
  std::vector<std::optional<Fragmentation>> entries_;
};

// A tournament: the leaves are the nodes, each inner place holds the better of the two below it.
class Chooser::Ranking {
 public:
  Ranking(const Pool& pool, const Policy& policy, NodeBook& book, const Shape& shape, const Outlook& outlook)
      : pool_(pool),
        policy_(policy),
        book_(book),
        shape_(shape),
        leaves_(std::bit_ceil(std::max<std::size_t>(pool.node_count(), 1))),
        ratings_(pool.node_count()),
        winners_(2 * leaves_, no_node),
        seen_(pool.changes_end()),
        epoch_(outlook.epoch),
        stale_from_(pool.node_count()) {
    for (NodeIndex node = 0; node < ratings_.size(); ++node) {
      rate(node, outlook);
      winners_[leaves_ + node] = ratings_[node].fits ? node : no_node;
    }
    for (std::size_t i = leaves_ - 1; i > 0; --i) winners_[i] = better(winners_[2 * i], winners_[2 * i + 1]);
  }

  void catch_up(const Outlook& outlook, std::size_t share) {
    if (policy_.foresees && outlook.epoch != epoch_) {
      epoch_ = outlook.epoch;
      stale_from_ = 0;
    }
    if (seen_ < pool_.changes_begin()) {
      for (NodeIndex node = 0; node < ratings_.size(); ++node) update(node, outlook, false);
      seen_ = pool_.changes_end();
    }
    for (; seen_ < pool_.changes_end(); ++seen_) update(pool_.change(seen_), outlook, false);
    for (; share > 0 && stale_from_ < ratings_.size(); --share, ++stale_from_) update(stale_from_, outlook, true);
  }

  // The best of those that `may` be taken.
  template <typename May>
  std::optional<Site> best(May may) {
    const auto worse = [this](std::size_t a, std::size_t b) { return better(winners_[a], winners_[b]) != winners_[a]; };
    subtrees_.assign(1, 1);
    while (!subtrees_.empty()) {
      std::pop_heap(subtrees_.begin(), subtrees_.end(), worse);
      const std::size_t subtree = subtrees_.back();
      subtrees_.pop_back();
      const NodeIndex node = winners_[subtree];
      if (node == no_node) continue;
      if (may(node)) return Site{node, ratings_[node].rating.devices};
      // What it beat on its way up.
      for (std::size_t i = leaves_ + node; i != subtree; i /= 2) {
        subtrees_.push_back(i ^ 1);
        std::push_heap(subtrees_.begin(), subtrees_.end(), worse);
      }
    }
    return std::nullopt;
  }

  std::uint64_t asked_at = 0;

 private:
  struct Rated {
    Rating rating;
    std::uint32_t version = 0;
    bool fits = false;
  };

  bool rate(NodeIndex node, const Outlook& outlook) {
    Rated& rated = ratings_[node];
    const bool fitted = rated.fits;
    const NodeView view = pool_.view(node);
    rated.version = view.node.version;
    rated.fits = node_fits(view, shape_);
    if (rated.fits)
      rated.rating = *policy_.rate({pool_, node, shape_, outlook, book_.of(node, view, outlook), all_devices, 0});
    return fitted || rated.fits;
  }

  void update(NodeIndex node, const Outlook& outlook, bool anyway) {
    if (!anyway && ratings_[node].version == pool_.view(node).node.version) return;
    if (!rate(node, outlook)) return;
    std::size_t i = leaves_ + node;
    winners_[i] = ratings_[node].fits ? node : no_node;
    for (i /= 2; i > 0; i /= 2) winners_[i] = better(winners_[2 * i], winners_[2 * i + 1]);
  }

  NodeIndex better(NodeIndex a, NodeIndex b) const {
    if (a == no_node || b == no_node) return a == no_node ? b : a;
    const std::int64_t cost_a = ratings_[a].rating.cost, cost_b = ratings_[b].rating.cost;
    if (cost_a != cost_b) return cost_a < cost_b ? a : b;
    const std::uint32_t rank_a = pool_.view(a).node.rank, rank_b = pool_.view(b).node.rank;
    if (rank_a != rank_b) return rank_a < rank_b ? a : b;
    return std::min(a, b);
  }

  const Pool& pool_;
  const Policy& policy_;
  NodeBook& book_;
  const Shape shape_;
  const std::size_t leaves_;
  std::vector<Rated> ratings_;
  std::vector<NodeIndex> winners_;
  std::vector<std::size_t> subtrees_;  // of best(): a heap of places in winners_
  std::uint64_t seen_;                 // the pool's changes before this one are in the ratings
  std::uint64_t epoch_;                // of the outlook by which nodes before stale_from_ are rated
  NodeIndex stale_from_;
};

Chooser::Chooser(const Pool& pool, const Policy& policy, Settings settings)
    : pool_(pool), policy_(policy), settings_(settings), book_(std::make_unique<NodeBook>(pool.node_count())) {}

Chooser::~Chooser() = default;

Chooser::Ranking& Chooser::ranking_of(const Shape& shape, const Outlook& outlook) {
  const auto found = rankings_.find(shape);
  if (found != rankings_.end()) return *found->second;
  if (rankings_.size() >= settings_.shapes_max)
    rankings_.erase(std::min_element(rankings_.begin(), rankings_.end(), [](const auto& a, const auto& b) {
      return a.second->asked_at < b.second->asked_at;
    }));
  return *rankings_.emplace(shape, std::make_unique<Ranking>(pool_, policy_, *book_, shape, outlook)).first->second;
}

std::optional<Site> Chooser::choose(const Request& request, const Outlook& full_outlook, std::uint64_t draw,
                                    NodeIndex except) {
  const Outlook& outlook = outlook_for(policy_, full_outlook);
  if (!policy_.steady || request.affinity != Affinity::none)
    return choose_by_scan(pool_, policy_, request, outlook, draw, except);
  // Host memory decides where a request fits, not how well: requests that differ in it alone share a ranking.
  Shape shape = shape_of(request);
  shape.host_memory_bytes = 0;
  Ranking& ranking = ranking_of(shape, outlook);
  ranking.asked_at = ++asked_;
  ranking.catch_up(
      outlook, std::min<std::size_t>(pool_.node_count() / settings_.outlook_share + 1, settings_.outlook_nodes_max));
  return ranking.best(
      [&](NodeIndex node) { return node != except && pool_.view(node).node.host_free >= request.host_memory_bytes; });
}

}  // namespace sluice::allocator
