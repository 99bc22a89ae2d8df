// Cache quota: how much of the disk a tenant's cache takes, and what of it goes when that is too much.
//
// A tree is walked by descriptors, each folder opened in the one before and never through a link, and only so far: what
// is deeper than depth_max, has more than entries_max entries or takes longer than its budget is no cache of builds,
// and goes as a whole. What goes is put aside (tree_removal.h); nothing is deleted here.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "daemon/server/cache/tree_removal.h"

namespace sluice::server {

inline constexpr int cache_depth_max = 16;
inline constexpr std::uint64_t cache_entries_max = 65'536;
inline constexpr std::uint64_t cache_entry_bytes_min = 4096;  // what an entry counts at least

struct CacheUsage {
  std::uint64_t bytes = 0, entries = 0;
  bool measured = true;  // false: the walk met a limit, and the rest is unknown
};

// REQUIRES: `folder` is a tenant's.
CacheUsage measure_cache(int folder, WorkBudget& budget);

// What is left of the cache of a tenant: the oldest entries go until it has at most bytes_max; what cannot be measured
// goes as a whole. Its devices' folders stay, because sessions may have them.
CacheUsage trim_cache(int folder, std::uint64_t bytes_max, int removed, WorkBudget& budget);

// Everything in the devices' folders goes.
void empty_cache(int folder, int removed, WorkBudget& budget);

}  // namespace sluice::server
