// Chooser: where a request goes, by a policy: the site of the lowest cost; of equals the lowest rank, then the lowest
// index.
//
// choose_by_scan() looks at every node and is the definition. Chooser remembers: for each shape that is asked for often
// it keeps a rating of every node and a tree over them, and rates again only those that changed since the shape was
// last asked for. So a decision takes what changed in between, not what there is.
//
// No decision may take long. Where there is more to rate than one may (Settings), the rest follows at the next ones: a
// new outlook, the nodes of a large pool for a shape that was never seen, the many that changed while nobody asked for
// a rare one. Until then what is chosen is the best of what was looked at. It always fits, and what fits somewhere is
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

// `outlook` may be empty: a policy that foresees then foresees nothing.
std::optional<Site> choose_by_scan(const Pool& pool, const Policy& policy, const Request& request,
                                   const Outlook& outlook, std::uint64_t draw, std::span<const NodeIndex> except = {});

class Chooser {
 public:
  struct Settings {
    std::size_t shapes_max = 256;  // of those, the one not asked for longest makes room for a new one
    // A new outlook takes so many decisions of one shape to be taken in, or more where that would be more nodes at
    // each.
    std::uint32_t outlook_share = 16;
    std::uint32_t outlook_nodes_max = 64;
    std::uint32_t first_nodes_max = 1024;  // for a shape that was never seen
    std::uint32_t renewed_nodes_max = 48;  // that were the best when they were rated, and have changed
    std::uint32_t looks_max = 512;         // at nodes that are better than the one that is chosen
    std::uint32_t changed_nodes_max = 32;  // of those that changed since it was asked for last
  };

  // REQUIRES: the pool and the policy outlive it.
  Chooser(const Pool& pool, const Policy& policy) : Chooser(pool, policy, Settings()) {}
  Chooser(const Pool& pool, const Policy& policy, Settings settings);
  ~Chooser();

  // REQUIRES: `outlook` outlives the next call, and has another epoch whenever it says something else.
  // `except`: nodes that are not to be chosen.
  std::optional<Site> choose(const Request& request, const Outlook& outlook, std::uint64_t draw,
                             std::span<const NodeIndex> except = {});

 private:
  struct Effort;
  class NodeBook;
  class Ranking;  // of all nodes, for one shape

  Effort effort() const;
  Ranking& ranking_of(const Shape& shape, const Outlook& outlook);

  const Pool& pool_;
  const Policy& policy_;
  Settings settings_;
  std::unique_ptr<NodeBook> book_;
  std::map<Shape, std::unique_ptr<Ranking>> rankings_;
  std::uint64_t asked_ = 0;
};

}  // namespace sluice::allocator
