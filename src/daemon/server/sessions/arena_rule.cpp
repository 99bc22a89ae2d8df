#include "daemon/server/sessions/arena_rule.h"

#include <algorithm>

#include "base/units.h"
#include "wire/arena.h"

namespace sluice::server {
namespace {

std::uint64_t bound_for(std::size_t sessions, std::uint64_t limit_bytes) {
  return limit_bytes + sessions * wire::arena_overhead_bytes_max;
}

}  // namespace

std::optional<ArenaExcess> check_arenas(std::span<const ArenaUse> sessions, std::uint64_t limit_bytes) {
  if (sessions.empty()) return std::nullopt;
  const auto less = [](const ArenaUse& a, const ArenaUse& b) { return a.resident_bytes < b.resident_bytes; };
  const ArenaUse& most = *std::max_element(sessions.begin(), sessions.end(), less);
  if (most.resident_bytes > bound_for(1, limit_bytes))
    return ArenaExcess{most.session_id, true,
                       "its arena holds " + format_bytes(most.resident_bytes) + ", and may hold " +
                           format_bytes(bound_for(1, limit_bytes))};
  std::uint64_t sum = 0;
  for (const ArenaUse& use : sessions) sum += use.resident_bytes;
  const std::uint64_t bound = bound_for(sessions.size(), limit_bytes);
  if (sum <= bound) return std::nullopt;
  return ArenaExcess{most.session_id, false,
                     "the arenas of its tenant hold " + format_bytes(sum) + ", and may hold " + format_bytes(bound) +
                         "; its own holds most, " + format_bytes(most.resident_bytes)};
}

}  // namespace sluice::server
