// The rule of how much memory sessions may use of their arenas. Pure.
//
// The kernel's word says how many pages lie behind an arena, whatever a worker reports. One session may use its
// tenant's limit and wire::arena_overhead_bytes_max; all sessions of a tenant together its limit, and that constant for
// each. Where buffers move between the sessions of a tenant, pages may be given back a little later than the bytes are
// counted: so the second bound may be exceeded for arena_patience_ns.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"

namespace sluice::server {

inline constexpr Nanoseconds arena_look_ns = 100 * ns_per_ms;
// While nothing changes it is twice as long each time, up to this.
inline constexpr Nanoseconds arena_look_ns_max = ns_per_s;
inline constexpr Nanoseconds arena_patience_ns = 2 * ns_per_s;

struct ArenaUse {
  std::uint64_t session_id = 0;
  std::uint64_t resident_bytes = 0;
};

struct ArenaExcess {
  std::uint64_t session_id = 0;  // the one to end: it uses most
  bool at_once = false;          // no patience: it alone uses more than any one may
  std::string reason;
};

// Of all sessions of one tenant.
std::optional<ArenaExcess> check_arenas(std::span<const ArenaUse> sessions, std::uint64_t limit_bytes);

}  // namespace sluice::server
