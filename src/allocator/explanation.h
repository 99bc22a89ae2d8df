// Explanation: why a request has no place in a pool now, and the nearest thing that would have one.
//
// What is missing is looked for in the order in which people can do something about it: whether anything of the kind is
// there at all, whether it could hold the request if it were idle, whether a gap of devices is large enough, and only
// then whether the rest of such a node, the tenant's affinity or the health of a device stands in the way.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "allocator/planner.h"
#include "allocator/pool.h"

namespace sluice::allocator {

enum class Obstacle : std::uint8_t {
  no_devices,       // the pool has none, or none of the classes asked for
  larger_than_any,  // an idle pool would have no place for it either
  devices,          // no node has so many devices idle, or no device such a gap
  node,             // nodes that have the gap lack CPU or host memory
  affinity,         // it would fit, but not where the tenant's affinity allows
  health,           // it would fit on devices that are unhealthy
};

struct Explanation {
  Obstacle obstacle = Obstacle::no_devices;
  // What would fit at this moment if asked for instead: no more than was asked of anything, with the affinity of the
  // request. Absent: nothing of the kind would.
  std::optional<Request> nearest;
  std::optional<Site> nearest_site;  // absent where it would be spread
  // In total, of the classes asked for, of healthy devices.
  std::uint64_t milli_free = 0, memory_free_bytes = 0;
  std::string reason;  // a sentence for people
};

// `plan`: the moves that would make room, if somebody looked for them. `class_names`: by number, for the sentence.
// REQUIRES: the request fits nowhere.
Explanation explain(const Pool& pool, const Request& request, const std::optional<Plan>& plan = std::nullopt,
                    std::span<const std::string> class_names = {});

}  // namespace sluice::allocator
