// DevicePool: the devices that were found, what of each is offered, and what of that is promised to tenants.
//
// Only the daemon's one thread uses it. It decides nothing: the allocator does, from inventory().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "allocator/inventory.h"
#include "base/units.h"
#include "daemon/server/runtime/config.h"
#include "wire/device_traits.h"

namespace sluice::server {

struct PoolDevice {
  std::uint32_t index = 0;  // in the order of discovery: what a worker is told with --device
  wire::DeviceTraits traits;
  bool enabled = true;
  MilliGpu gpu_offered = whole_gpu;
  std::uint64_t memory_offered_bytes = 0;
  MilliGpu gpu_promised;
  std::uint64_t memory_promised_bytes = 0;
};

class DevicePool {
 public:
  DevicePool() = default;
  // Applies the rules. A device that works on host memory offers, unless a rule says otherwise, no more than its part
  // of three quarters of `host_memory_bytes`, shared evenly by all such devices.
  DevicePool(std::vector<wire::DeviceTraits> found, const std::vector<DeviceRule>& rules,
             std::uint64_t host_memory_bytes);

  const std::vector<PoolDevice>& devices() const { return devices_; }
  const PoolDevice* find(std::uint32_t index) const;
  // What did not go as the configuration seems to have meant, for the log: a rule that matches no device, ...
  const std::vector<std::string>& warnings() const { return warnings_; }

  // What the allocator may choose from: enabled devices, and what of them is not promised.
  allocator::Inventory inventory() const;

  // REQUIRES: the device exists. Promises may exceed the offer: sessions that an earlier daemon admitted are honoured.
  void promise(std::uint32_t index, MilliGpu gpu, std::uint64_t memory_bytes);
  void take_back(std::uint32_t index, MilliGpu gpu, std::uint64_t memory_bytes);

 private:
  void apply(const DeviceRule& rule);
  void limit_host_memory(std::uint64_t host_memory_bytes, const std::vector<bool>& fixed);

  std::vector<PoolDevice> devices_;
  std::vector<std::string> warnings_;
};

// The device as a tenant sees it through a slice: memory and compute units are the slice's.
wire::DeviceTraits slice_traits(const wire::DeviceTraits& device, MilliGpu gpu, std::uint64_t memory_bytes);

// What the machine has.
std::uint64_t host_memory_bytes();

}  // namespace sluice::server
