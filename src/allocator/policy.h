// Policy: how good a node is for a request. Pure functions: the same node, request and outlook give the same answer.
//
// "No policy" is none of the caller's business: it names one, and Chooser does the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "allocator/fragmentation.h"
#include "allocator/outlook.h"
#include "allocator/pool.h"

namespace sluice::allocator {

// Devices of one node for a request, and what it would cost: the lowest cost is taken.
struct Rating {
  std::int64_t cost = 0;
  DeviceMask devices = 0;
};

struct RatingQuestion {
  const Pool& pool;
  NodeIndex node;
  const Shape& shape;
  const Outlook& outlook;
  const Fragmentation& fragmentation;  // of the node; of an empty outlook for policies that do not foresee
  DeviceMask allowed;                  // devices that may be used; all ones where nothing forbids any
  std::uint64_t draw;  // a number that differs from one request to the next, for policies that throw dice
};

struct Policy {
  std::string_view name;
  std::string_view summary;  // a line for people
  // None: it does not fit there. Of host memory it only asks whether there is enough.
  std::optional<Rating> (*rate)(const RatingQuestion& question);
  bool steady;    // does not look at `draw`: a rating holds until the node or the outlook changes
  bool foresees;  // looks at the outlook
  // To be asked with an outlook of RequestHistory's default turnover_weight; else with one of 0.
  bool heeds_turnover = false;
};

// All there are; the first is the one to use unless there is a reason.
std::span<const Policy> policies();
const Policy* find_policy(std::string_view name);  // null: there is none of that name
inline const Policy& default_policy() { return policies().front(); }

// ---- for policies ----

// `count` of `among`: of one link group if that can be, the smallest that has enough; else of the largest groups,
// unless they must be `linked`. 0: there are none.
DeviceMask several_devices(const NodeView& view, DeviceMask among, std::uint32_t count, bool linked);

// One of each kind of device among those: of the same room, class and weight. Which of a kind makes no difference,
// unless the node has link groups: then it is of the group with the fewest idle devices, so that whole ones stay whole.
DeviceMask one_of_each_kind(const NodeView& view, DeviceMask among);

// The devices that one share or whole devices could take: of shares, one of each kind of device; of whole ones, those
// that several_devices() has. Calls try_devices(mask) for each; not at all where it does not fit.
template <typename Try>
void for_each_choice(const RatingQuestion& question, Try try_devices) {
  const NodeView view = question.pool.view(question.node);
  const Shape& shape = question.shape;
  if (view.node.cpu_free < shape.cpu_milli || view.node.host_free < shape.host_memory_bytes) return;
  if (shape.devices == 0) {
    if (question.allowed != 0) try_devices(DeviceMask{0});
    return;
  }
  DeviceMask fitting = 0;
  for (unsigned i = 0; i < view.devices.size(); ++i)
    if ((question.allowed >> i & 1) != 0 && device_fits(view.devices[i], shape)) fitting |= DeviceMask{1} << i;
  if (shape.devices > 1) {
    if (const DeviceMask chosen = several_devices(view, fitting, shape.devices, shape.linked)) try_devices(chosen);
    return;
  }
  for (DeviceMask kinds = one_of_each_kind(view, fitting); kinds != 0; kinds &= kinds - 1) try_devices(kinds & -kinds);
}

}  // namespace sluice::allocator
