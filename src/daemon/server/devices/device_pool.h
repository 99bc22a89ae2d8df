// DevicePool: the devices that were found, and what of each is offered. It holds the allocator's pool, which is this
// machine as one node, and its placer; what is promised to tenants is in that pool alone.
//
// Only the daemon's one thread uses it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "allocator/placer.h"
#include "allocator/policy.h"
#include "allocator/pool.h"
#include "base/units.h"
#include "daemon/server/devices/cards.h"
#include "daemon/server/devices/device_health.h"
#include "daemon/server/runtime/config.h"
#include "wire/device_traits.h"

namespace sluice::server {

struct PoolDevice : FoundDevice {
  std::uint32_t index = 0;  // in the pool: the cards of a device follow each other
  bool enabled = true;
  MilliGpu gpu_offered = whole_gpu;
  std::uint64_t memory_offered_bytes = 0;
  DeviceHealth health{};
};

struct Promised {
  MilliGpu gpu;
  std::uint64_t memory_bytes = 0;
};

class DevicePool {
 public:
  DevicePool() : DevicePool({}, {}, 0) {}
  // Applies the rules. A device that works on host memory offers, unless a rule says otherwise, no more than its part
  // of three quarters of `host_memory_bytes`, shared evenly by all such devices.
  DevicePool(std::vector<FoundDevice> found, const std::vector<DeviceRule>& rules, std::uint64_t host_memory_bytes,
             const allocator::Policy& policy = allocator::default_machine_policy());

  const std::vector<PoolDevice>& devices() const { return devices_; }
  const PoolDevice* find(std::uint32_t index) const;
  // What did not go as the configuration seems to have meant, for the log: a rule that matches no device, ...
  const std::vector<std::string>& warnings() const { return warnings_; }

  // The books: one node; device i of it is devices()[i]. Tenants' slices have their tenants' ids.
  allocator::Pool& pool() { return *pool_; }
  const allocator::Pool& pool() const { return *pool_; }
  allocator::Placer& placer() { return *placer_; }
  // The class of a device, for people: its name in class_names(). REQUIRES: the device exists.
  const std::string& class_name(std::uint32_t index) const;
  // Something has happened on the device: health has been told so, and new slices go there as it says from now on.
  // REQUIRES: the device exists.
  void set_health(std::uint32_t index, const DeviceHealth& health);
  // Those that take no new slices, and why: "device 1 is gone: ...". Empty: there is none.
  std::string ill_devices() const;

  // By device class, for the allocator's sentences. Devices of one make and driver are one class.
  const std::vector<std::string>& class_names() const { return class_names_; }
  // May exceed the offer: sessions that an earlier daemon admitted are honoured. REQUIRES: the device exists.
  Promised promised(std::uint32_t index) const;

 private:
  void apply(const DeviceRule& rule);
  void limit_host_memory(std::uint64_t host_memory_bytes, const std::vector<bool>& fixed);
  std::uint8_t class_of(const wire::DeviceTraits& traits);
  allocator::NodeSpec machine();

  std::vector<PoolDevice> devices_;
  std::vector<std::string> warnings_;
  std::vector<std::string> class_names_;
  std::vector<std::string> class_keys_;    // make and driver of each class
  std::unique_ptr<allocator::Pool> pool_;  // on the heap, so that placer_ keeps its reference when this is moved
  std::unique_ptr<allocator::Placer> placer_;
};

// The site of a slice on this device.
allocator::Site site_on(std::uint32_t device);

// The device as a tenant sees it through a slice: memory and compute units are the slice's.
wire::DeviceTraits slice_traits(const wire::DeviceTraits& device, MilliGpu gpu, std::uint64_t memory_bytes);

// What the machine has.
std::uint64_t host_memory_bytes();

}  // namespace sluice::server
