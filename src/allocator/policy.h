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

// The devices that one share or whole devices could take: of shares, one of each kind of device (same room, class and
// health: which of them makes no difference); of whole ones, the first that are enough. Calls try_devices(mask) for
// each; not at all where it does not fit.
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
    DeviceMask chosen = 0;
    std::uint32_t left = shape.devices;
    for (; left > 0 && fitting != 0; --left, fitting &= fitting - 1) chosen |= fitting & -fitting;
    if (left == 0) try_devices(chosen);
    return;
  }
  const auto alike = [&](const Device& a, const Device& b) {
    return a.milli_free == b.milli_free && a.milli_total == b.milli_total && a.memory_free == b.memory_free &&
           a.memory_total == b.memory_total && a.device_class == b.device_class;
  };
  for (unsigned i = 0; i < view.devices.size(); ++i) {
    if ((fitting >> i & 1) == 0) continue;
    bool seen = false;
    for (unsigned j = 0; j < i && !seen; ++j) seen = (fitting >> j & 1) != 0 && alike(view.devices[i], view.devices[j]);
    if (!seen) try_devices(DeviceMask{1} << i);
  }
}

}  // namespace sluice::allocator
