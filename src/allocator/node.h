// Nodes and their devices: what there is, what of it is free, and whether a shape fits.
//
// A node has CPU and host memory, and up to devices_per_node_max devices, each with milli-GPU and memory of its own.
// Devices of one link group reach each other faster than the node's other devices: over NVLink, or within a NUMA node.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "allocator/request.h"

namespace sluice::allocator {

inline constexpr std::size_t devices_per_node_max = 64;
inline constexpr std::uint32_t even_weight = 1000;  // of the reference device

using NodeIndex = std::uint32_t;
inline constexpr NodeIndex no_node = ~NodeIndex{0};
using DeviceMask = std::uint64_t;  // devices of one node: bit i is device i of NodeSpec::devices

struct DeviceSpec {
  std::uint32_t gpu_milli = whole_gpu.value;
  std::uint64_t memory_bytes = 0;
  std::uint8_t device_class = 0;             // REQUIRES: < classes_max
  std::uint8_t link_group = 0;               // within the node, from 0. REQUIRES: < devices_per_node_max
  std::uint32_t weight_milli = even_weight;  // its measured speed, in thousandths of the reference device's
  bool offered = true;  // false: it has no room for anything; a slice is on it only by Overcommit::allow
};

struct NodeSpec {
  std::string name;
  std::uint32_t rank = 0;  // breaks ties: the lowest rank first, then the lowest index
  std::uint64_t cpu_milli = 0;
  std::uint64_t host_memory_bytes = 0;
  std::vector<DeviceSpec> devices;
};

struct Device {
  std::uint32_t milli_free = 0, milli_total = 0;
  std::uint64_t memory_free = 0, memory_total = 0;
  std::uint8_t device_class = 0;
  std::uint8_t link_group = 0;
  bool healthy = true;  // an unhealthy device keeps its slices and takes no new ones
  bool offered = true;  // a device that is not offered is not healthy either, and its totals are 0
  std::uint32_t weight_milli = even_weight;
};

struct Node {
  std::uint32_t first_device = 0, device_count = 0;
  std::uint32_t rank = 0;
  std::uint64_t version = 0;  // changes with every change of the node; two states of a pool's nodes never share one
  std::uint32_t link_groups = 1;
  std::uint64_t cpu_free = 0, cpu_total = 0;
  std::uint64_t host_free = 0, host_total = 0;
};

// A node and its devices as they are now. Valid until the pool changes.
struct NodeView {
  const Node& node;
  std::span<const Device> devices;
};

// Where a slice is: a set of devices of one node.
struct Site {
  NodeIndex node = 0;
  DeviceMask devices = 0;
  friend bool operator==(const Site&, const Site&) = default;
};

// Calls act(i) for each device i of the mask, in ascending order.
template <typename Act>
void for_each_device(DeviceMask mask, Act act) {
  for (; mask != 0; mask &= mask - 1) act(static_cast<unsigned>(std::countr_zero(mask)));
}

// The bytes that `shape` takes of this device.
inline std::uint64_t memory_wanted_bytes(const Device& device, const Shape& shape) {
  return memory_wanted_bytes(device.memory_total, shape.memory_bytes, shape.memory_parts);
}

inline bool class_fits(std::uint8_t device_class, ClassMask classes) {
  return classes == any_class || (classes >> device_class & 1) != 0;
}

inline bool device_fits(const Device& device, const Shape& shape) {
  return device.healthy && device.milli_free >= shape.gpu_milli && class_fits(device.device_class, shape.classes) &&
         device.memory_free >= memory_wanted_bytes(device, shape);
}

// The devices of `among` in the smallest link group that has at least `count` of them. 0: no group has.
DeviceMask linked_devices(const NodeView& view, DeviceMask among, std::uint32_t count);
// Whether all of these devices are of one link group.
bool all_linked(const NodeView& view, DeviceMask devices);
// Whether the node has the CPU, the host memory and enough devices. Affinity is not looked at.
bool node_fits(const NodeView& view, const Shape& shape);

}  // namespace sluice::allocator
