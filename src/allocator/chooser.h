// Chooser: the site for a request by a policy. The lowest cost is taken; of equal costs the lowest rank, then the
// lowest node index.
//
// choose_by_scan() rates every node and is the definition. Chooser keeps state: for each shape that is asked for often
// it keeps a rating of every node, in a tournament tree, and rates again only the nodes that changed since the shape
// was last asked for. So a decision takes as long as what changed in between, not as the size of the pool.
//
// The work of one decision is bounded (Settings). Where there is more to rate, the rest is rated during the next
// decisions: after a new forecast, for a new shape in a large pool, or after many changes between two requests of a
// rare shape. Until then the best of the rated nodes is taken. It always fits, and a request that fits somewhere is
// never refused.
//
// Not thread-safe. Deterministic.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>

#include "allocator/policy.h"

namespace sluice::allocator {

// `forecast` may be empty. `draw`: as in RatingQuery. `except`: nodes that are not chosen.
std::optional<Site> choose_by_scan(const Pool& pool, const Policy& policy, const Request& request,
                                   const DemandForecast& forecast, std::uint64_t draw,
                                   std::span<const NodeIndex> except = {});

class Chooser {
 public:
  struct Settings {
    std::size_t shapes_max = 256;  // with ratings kept; a new one replaces the one that was not asked for longest
    // A new forecast is taken in over so many decisions of one shape, or more if that were more nodes at each.
    std::uint32_t forecast_share = 16;
    std::uint32_t forecast_nodes_max = 64;
    // Nodes that one decision rates at most:
    std::uint32_t first_nodes_max = 1024;  // for a new shape
    std::uint32_t renewed_nodes_max = 48;  // that had the best old ratings, and have changed
    std::uint32_t looks_max = 512;         // whose old ratings are better than that of the chosen one
    std::uint32_t changed_nodes_max = 32;  // that changed since the shape was last asked for
  };

  // REQUIRES: the pool and the policy outlive it.
  Chooser(const Pool& pool, const Policy& policy) : Chooser(pool, policy, Settings()) {}
  Chooser(const Pool& pool, const Policy& policy, Settings settings);
  ~Chooser();

  // `except`: nodes that are not chosen.
  // REQUIRES: `forecast` stays valid until the next call; forecasts that differ have different epochs.
  std::optional<Site> choose(const Request& request, const DemandForecast& forecast, std::uint64_t draw,
                             std::span<const NodeIndex> except = {});

  const Pool& pool() const { return pool_; }

 private:
  struct Effort;
  class FragmentationCache;
  class Ranking;  // of all nodes, for one shape

  Effort effort() const;
  Ranking& ranking_of(const Shape& shape, const DemandForecast& forecast);

  const Pool& pool_;
  const Policy& policy_;
  Settings settings_;
  std::unique_ptr<FragmentationCache> fragmentations_;
  std::map<Shape, std::unique_ptr<Ranking>> rankings_;
  std::uint64_t asked_ = 0;
};

}  // namespace sluice::allocator
