#include "allocator/spread.h"

#include <algorithm>

#include "base/contract.h"

namespace sluice::allocator {
namespace {

// The largest part that some node has room for, of at most `most` devices.
bool place_largest(Pool& pool, Chooser& chooser, const Request& request, const DemandForecast& forecast,
                   std::uint64_t draw, SliceId id, std::uint32_t before, std::uint32_t most, std::vector<Part>& parts) {
  std::vector<NodeIndex> used;
  for (const Part& part : parts) used.push_back(part.site.node);
  for (std::uint32_t devices = most; devices > 0; --devices) {
    const Request part = part_of(request, before, devices);
    const auto site = chooser.choose(part, forecast, draw, used);
    if (!site || !pool.place(id, part, *site).ok()) continue;
    parts.push_back({id, part, *site});
    return true;
  }
  return false;
}

}  // namespace

std::vector<Part> place_parts(Pool& pool, Chooser& chooser, const Request& request, const DemandForecast& forecast,
                              std::uint64_t draw, SliceId first) {
  SLUICE_REQUIRE(!pool.slices().contains(first));
  std::vector<Part> parts;
  if (!request.spreadable || request.devices < 2) {
    const auto site = chooser.choose(request, forecast, draw);
    if (site && pool.place(first, request, *site).ok()) parts.push_back({first, request, *site});
    return parts;
  }
  for (std::uint32_t placed = 0; placed < request.devices; placed += parts.back().request.devices) {
    const SliceId id = first + parts.size();
    // No part is larger than one before it: that was the largest that any node had room for.
    const std::uint32_t left = request.devices - placed;
    const std::uint32_t most =
        std::min<std::uint32_t>(left, parts.empty() ? devices_per_node_max : parts.back().request.devices);
    if (place_largest(pool, chooser, request, forecast, draw, id, placed, most, parts)) continue;
    for (const Part& part : parts) {
      const Status released = pool.release(part.id);
      SLUICE_INVARIANT(released.ok());
    }
    return {};
  }
  return parts;
}

}  // namespace sluice::allocator
