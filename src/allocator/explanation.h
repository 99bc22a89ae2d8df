// Explanation: why a request does not fit a pool now, and the nearest request that would fit.
//
// Causes are looked for in the order in which people can do something about them: no such device at all, larger than
// even an idle pool could hold, no device or not enough devices free; and only then the rest of the node, the tenant's
// affinity, the health of a device.
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
  larger_than_any,  // an idle pool would not hold it either
  devices,          // no device has enough free, or no node has enough such devices
  node,             // nodes with such devices lack CPU or host memory
  affinity,         // it would fit, but not where the tenant's affinity allows
  health,           // it would fit on devices that are unhealthy
};

struct Explanation {
  Obstacle obstacle = Obstacle::no_devices;
  // A request that fits now, with no amount larger than asked for, and with the same affinity. Absent: there is none.
  std::optional<Request> nearest;
  std::optional<Site> nearest_site;  // where it fits; absent if it would be spread
  // Free in total on healthy devices of the classes asked for.
  std::uint64_t milli_free = 0, memory_free_bytes = 0;
  std::string reason;  // a sentence for people
};

// `plan`: moves that would make room, if the caller knows any. `class_names`: by device class, for the sentence.
// REQUIRES: the request fits nowhere.
Explanation explain(const Pool& pool, const Request& request, const std::optional<Plan>& plan = std::nullopt,
                    std::span<const std::string> class_names = {});

}  // namespace sluice::allocator
