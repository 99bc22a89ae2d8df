#include "allocator/tenant_sites.h"

#include "base/contract.h"

namespace sluice::allocator {
namespace {

constexpr unsigned no_device = devices_per_node_max;  // counts slices without devices
constexpr DeviceMask all_devices = ~DeviceMask{0};

}  // namespace

DeviceMask TenantSites::allowed(NodeIndex node, const Request& request) const {
  if (request.affinity == Affinity::none) return all_devices;
  const auto tenant = tenants_.find(request.tenant);
  if (tenant == tenants_.end()) return all_devices;
  const auto here = tenant->second.find(node);
  const bool present = here != tenant->second.end();
  if (request.affinity == Affinity::same_node) return present ? all_devices : 0;
  if (!present) return all_devices;
  if (request.affinity == Affinity::other_node) return 0;
  DeviceMask taken = 0;
  for (const auto& [device, count] : here->second)
    if (device != no_device) taken |= DeviceMask{1} << device;
  return ~taken;
}

void TenantSites::count(std::uint64_t tenant, const Site& site, std::uint32_t by) {
  if (tenant == 0) return;
  auto& nodes = tenants_[tenant];
  Devices& devices = nodes[site.node];
  const auto count_on = [&](unsigned device) {
    SLUICE_REQUIRE(by == 1 || devices[device] > 0);
    if ((devices[device] += by) == 0) devices.erase(device);
  };
  if (site.devices == 0) count_on(no_device);
  for_each_device(site.devices, count_on);
  if (devices.empty()) nodes.erase(site.node);
  if (nodes.empty()) tenants_.erase(tenant);
}

}  // namespace sluice::allocator
