// TenantSites: where each tenant has slices, for requests with an affinity.
#pragma once

#include <cstdint>
#include <map>

#include "allocator/node.h"

namespace sluice::allocator {

class TenantSites {
 public:
  // One slice more at the site, or one less. Tenant 0 is no tenant: its slices are not counted.
  // REQUIRES of remove(): there is one.
  void add(std::uint64_t tenant, const Site& site) { count(tenant, site, 1); }
  void remove(std::uint64_t tenant, const Site& site) { count(tenant, site, ~0u); }

  // The devices of the node that the request's affinity allows; ~0: all. 0: not even a slice without devices.
  DeviceMask allowed(NodeIndex node, const Request& request) const;

 private:
  using Devices = std::map<unsigned, std::uint32_t>;  // -> how many of the tenant's slices are there

  // `by`: 1, or minus one modulo 2^32.
  void count(std::uint64_t tenant, const Site& site, std::uint32_t by);

  std::map<std::uint64_t, std::map<NodeIndex, Devices>> tenants_;
};

}  // namespace sluice::allocator
