#include "allocator/policy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "allocator/balance.h"
#include "allocator/best_fit_memory.h"
#include "allocator/known_policies.h"

namespace sluice::allocator {
namespace {

constexpr std::array all{
    Policy{"balance", "our own: fragmentation, CPU that runs out first, emptiest last, dear classes last", rate_balance,
           true, true, true},
    Policy{"fgd", "fragmentation gradient descent (Weng et al., USENIX ATC 2023)", rate_fragmentation_gradient, true,
           true},
    Policy{"best-fit-memory", "the device that has the least left afterwards, compute and memory; for a few devices",
           rate_best_fit_memory, true, false},
    Policy{"best-fit", "the node that has the least left afterwards", rate_best_fit, true, false},
    Policy{"worst-fit", "the node that has the most left afterwards", rate_worst_fit, true, false},
    Policy{"dot-product", "the least product of free and requested amounts, CPU and GPU (Tetris, SIGCOMM 2014)",
           rate_dot_product, true, false},
    Policy{"packing", "used devices first, then used nodes, then empty ones", rate_packing, true, false},
    Policy{"first-fit", "the first node that fits", rate_first_fit, true, false},
    Policy{"random", "any that fits", rate_random, false, false},
};

DeviceMask lowest(DeviceMask among, std::uint32_t count) {
  DeviceMask chosen = 0;
  for (; count > 0 && among != 0; --count, among &= among - 1) chosen |= among & -among;
  return chosen;
}

bool alike(const Device& a, const Device& b) {
  return a.milli_free == b.milli_free && a.milli_total == b.milli_total && a.memory_free == b.memory_free &&
         a.memory_total == b.memory_total && a.device_class == b.device_class && a.weight_milli == b.weight_milli;
}

// Of each link group of a node, the devices that `is` says yes to.
class Groups {
 public:
  template <typename Is>
  Groups(const NodeView& view, Is is) {
    for (unsigned i = 0; i < view.devices.size(); ++i)
      if (is(i)) masks_[view.devices[i].link_group] |= DeviceMask{1} << i;
  }

  int size(std::size_t group) const { return std::popcount(masks_[group]); }
  DeviceMask largest() const {
    return *std::max_element(masks_.begin(), masks_.end(),
                             [](DeviceMask a, DeviceMask b) { return std::popcount(a) < std::popcount(b); });
  }

 private:
  std::array<DeviceMask, devices_per_node_max> masks_{};
};

// Those of the group with the fewest idle devices first.
std::vector<unsigned> by_broken_groups(const NodeView& view, DeviceMask among) {
  const Groups idle(view, [&](unsigned i) { return view.devices[i].milli_free == view.devices[i].milli_total; });
  std::vector<unsigned> order;
  for (; among != 0; among &= among - 1) order.push_back(static_cast<unsigned>(std::countr_zero(among)));
  std::stable_sort(order.begin(), order.end(), [&](unsigned a, unsigned b) {
    return idle.size(view.devices[a].link_group) < idle.size(view.devices[b].link_group);
  });
  return order;
}

}  // namespace

DeviceMask several_devices(const NodeView& view, DeviceMask among, std::uint32_t count, bool linked) {
  if (std::popcount(among) < static_cast<int>(count)) return 0;
  if (view.node.link_groups < 2) return lowest(among, count);
  if (const DeviceMask group = linked_devices(view, among, count); group != 0) return lowest(group, count);
  if (linked) return 0;
  DeviceMask chosen = 0;
  for (std::uint32_t left = count; left > 0; left = count - static_cast<std::uint32_t>(std::popcount(chosen)))
    chosen |= lowest(Groups(view, [&](unsigned i) { return ((among & ~chosen) >> i & 1) != 0; }).largest(), left);
  return chosen;
}

DeviceMask one_of_each_kind(const NodeView& view, DeviceMask among) {
  DeviceMask kinds = 0;
  const auto add = [&](unsigned i) {
    for (DeviceMask mask = kinds; mask != 0; mask &= mask - 1)
      if (alike(view.devices[i], view.devices[static_cast<unsigned>(std::countr_zero(mask))])) return;
    kinds |= DeviceMask{1} << i;
  };
  if (view.node.link_groups > 1)
    for (const unsigned i : by_broken_groups(view, among)) add(i);
  else
    for (; among != 0; among &= among - 1) add(static_cast<unsigned>(std::countr_zero(among)));
  return kinds;
}

std::span<const Policy> policies() { return all; }

std::string policy_names() {
  std::string names;
  for (const Policy& policy : all) names += (names.empty() ? "" : ", ") + std::string(policy.name);
  return names;
}

const Policy& default_machine_policy() { return *find_policy("best-fit-memory"); }

const Policy* find_policy(std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Policy& policy) { return policy.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace sluice::allocator
