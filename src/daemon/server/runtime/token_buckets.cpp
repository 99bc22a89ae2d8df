#include "daemon/server/runtime/token_buckets.h"

#include <algorithm>

namespace sluice::server {

bool TokenBuckets::take(std::uint64_t key, Nanoseconds now) {
  const auto found = full_at_ns_.find(key);
  const Nanoseconds before = found == full_at_ns_.end() ? now : std::max(found->second, now);
  if (before + interval_ns_ > now + burst_ns_) return false;
  if (found == full_at_ns_.end() && full_at_ns_.size() >= keys_max) forget_some(now);
  full_at_ns_[key] = before + interval_ns_;
  return true;
}

void TokenBuckets::forget_some(Nanoseconds now) {
  std::erase_if(full_at_ns_, [now](const auto& entry) { return entry.second <= now; });
  if (full_at_ns_.size() < keys_max) return;
  full_at_ns_.erase(std::min_element(full_at_ns_.begin(), full_at_ns_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; }));
}

}  // namespace sluice::server
