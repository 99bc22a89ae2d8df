#include "allocator/node.h"

#include <array>

namespace sluice::allocator {
namespace {

DeviceMask fitting_devices(const NodeView& view, const Shape& shape) {
  DeviceMask fitting = 0;
  for (unsigned i = 0; i < view.devices.size(); ++i)
    if (device_fits(view.devices[i], shape)) fitting |= DeviceMask{1} << i;
  return fitting;
}

}  // namespace

DeviceMask linked_devices(const NodeView& view, DeviceMask among, std::uint32_t count) {
  std::array<DeviceMask, devices_per_node_max> groups{};
  for_each_device(among, [&](unsigned i) { groups[view.devices[i].link_group] |= DeviceMask{1} << i; });
  DeviceMask best = 0;
  for (std::uint32_t group = 0; group < view.node.link_groups; ++group) {
    const int devices = std::popcount(groups[group]);
    if (devices < static_cast<int>(count) || (best != 0 && devices >= std::popcount(best))) continue;
    best = groups[group];
  }
  return best;
}

bool all_linked(const NodeView& view, DeviceMask devices) {
  if (devices == 0) return true;
  const std::uint8_t group = view.devices[static_cast<unsigned>(std::countr_zero(devices))].link_group;
  bool linked = true;
  for_each_device(devices, [&](unsigned i) { linked = linked && view.devices[i].link_group == group; });
  return linked;
}

bool node_fits(const NodeView& view, const Shape& shape) {
  if (view.node.cpu_free < shape.cpu_milli || view.node.host_free < shape.host_memory_bytes) return false;
  if (shape.linked && view.node.link_groups > 1)
    return linked_devices(view, fitting_devices(view, shape), shape.devices) != 0;
  std::uint32_t found = 0;
  for (const Device& device : view.devices) {
    if (found == shape.devices) break;
    found += device_fits(device, shape);
  }
  return found == shape.devices;
}

}  // namespace sluice::allocator
