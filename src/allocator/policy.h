// Policy: how good a node is for a request. Pure functions: the same node, request and forecast give the same rating.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "allocator/demand_forecast.h"
#include "allocator/fragmentation.h"
#include "allocator/pool.h"

namespace sluice::allocator {

// Devices of one node for a request, and the cost of taking them. The site of the lowest cost is chosen.
struct Rating {
  std::int64_t cost = 0;
  DeviceMask devices = 0;
};

struct RatingQuery {
  const Pool& pool;
  NodeIndex node;
  const Shape& shape;
  const DemandForecast& forecast;
  const Fragmentation& fragmentation;  // of the node; under an empty forecast for policies that do not use one
  DeviceMask allowed;                  // devices that may be used; ~0: all
  std::uint64_t draw;  // a number that differs from one request to the next, for policies that throw random
};

struct Policy {
  std::string_view name;
  std::string_view summary;  // a line for people
  // Empty: the request does not fit there. Host memory decides whether it fits, never the cost.
  std::optional<Rating> (*rate)(const RatingQuery& query);
  bool steady;  // does not use `draw`: a rating stays valid until the node or the forecast changes
  bool uses_forecast;
  // Its forecast comes from a RequestHistory with the default turnover_weight; otherwise with a weight of 0.
  bool heeds_turnover = false;
};

// All policies. The first is default_policy(), for clusters.
std::span<const Policy> policies();
std::string policy_names();                        // "balance, fgd, …": for people
const Policy* find_policy(std::string_view name);  // null: unknown
inline const Policy& default_policy() { return policies().front(); }
const Policy& default_machine_policy();  // for the devices of one machine: best-fit-memory

// ---- helpers of policies ----

// `count` devices of `among`: of the smallest link group that has enough; if there is none, of the largest groups,
// unless they must be `linked`. 0: not possible.
DeviceMask several_devices(const NodeView& view, DeviceMask among, std::uint32_t count, bool linked);

// One device of `among` of each kind: with the same free amounts, class and weight. Which device of a kind is taken
// makes no difference, unless the node has link groups: then one in the group with the fewest idle devices, so that
// whole groups stay idle.
DeviceMask one_of_each_kind(const NodeView& view, DeviceMask among);

// Calls try_devices(mask) for each choice of devices: for a share, one device of each kind; for whole devices, those of
// several_devices(). Never if the request does not fit.
template <typename Try>
void for_each_choice(const RatingQuery& query, Try try_devices) {
  const NodeView view = query.pool.view(query.node);
  const Shape& shape = query.shape;
  if (view.node.cpu_free < shape.cpu_milli || view.node.host_free < shape.host_memory_bytes) return;
  if (shape.devices == 0) {
    if (query.allowed != 0) try_devices(DeviceMask{0});
    return;
  }
  DeviceMask fitting = 0;
  for (unsigned i = 0; i < view.devices.size(); ++i)
    if ((query.allowed >> i & 1) != 0 && device_fits(view.devices[i], shape)) fitting |= DeviceMask{1} << i;
  if (shape.devices > 1) {
    if (const DeviceMask chosen = several_devices(view, fitting, shape.devices, shape.linked)) try_devices(chosen);
    return;
  }
  for (DeviceMask kinds = one_of_each_kind(view, fitting); kinds != 0; kinds &= kinds - 1) try_devices(kinds & -kinds);
}

}  // namespace sluice::allocator
