#include "daemon/server/sessions/attach_turns.h"

#include <algorithm>
#include <vector>

namespace sluice::server {

std::uint64_t AttachTurns::last_turn(std::uint64_t tenant) const {
  const auto found = served_.find(tenant);
  return found == served_.end() ? 0 : found->second;
}

std::optional<std::size_t> AttachTurns::next(std::span<const std::uint64_t> tenants, std::size_t ready,
                                             const std::function<std::size_t(std::uint64_t tenant)>& busy,
                                             Nanoseconds now) {
  if (ready == 0) return std::nullopt;
  std::vector<std::size_t> order(tenants.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return last_turn(tenants[a]) < last_turn(tenants[b]); });
  for (const std::size_t at : order) {
    const std::uint64_t tenant = tenants[at];
    if (busy(tenant) >= busy_max) continue;
    const bool prompt = prompt_.take(tenant, now);
    if (reserve_ && ready == 1 && !prompt) continue;
    if (served_.size() >= served_max) served_.clear();
    served_[tenant] = ++turns_;
    return at;
  }
  return std::nullopt;
}

}  // namespace sluice::server
