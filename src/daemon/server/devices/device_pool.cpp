#include "daemon/server/devices/device_pool.h"

#include <unistd.h>

#include <algorithm>

#include "base/contract.h"

namespace sluice::server {
namespace {

bool on_host_memory(const PoolDevice& device) { return device.traits.buffers_in_arena || device.traits.unified_memory; }

}  // namespace

DevicePool::DevicePool(std::vector<FoundDevice> found, const std::vector<DeviceRule>& rules,
                       std::uint64_t host_memory_bytes, const allocator::Policy& policy) {
  if (found.size() > allocator::devices_per_node_max) {
    warnings_.push_back("of the " + std::to_string(found.size()) + " devices found, only the first " +
                        std::to_string(allocator::devices_per_node_max) + " are used");
    found.resize(allocator::devices_per_node_max);
  }
  for (FoundDevice& one : found) {
    PoolDevice device{std::move(one)};
    device.index = static_cast<std::uint32_t>(devices_.size());
    device.memory_offered_bytes = device.traits.global_memory_bytes;
    devices_.push_back(std::move(device));
  }
  std::vector<bool> fixed(devices_.size());
  for (const DeviceRule& rule : rules) {
    apply(rule);
    for (const PoolDevice& device : devices_)
      if (rule.memory_bytes && matches(rule, device)) fixed[device.index] = true;
  }
  limit_host_memory(host_memory_bytes, fixed);
  pool_ = std::make_unique<allocator::Pool>(std::vector{machine()});
  placer_ = std::make_unique<allocator::Placer>(*pool_, policy);
}

void DevicePool::apply(const DeviceRule& rule) {
  bool matched = false;
  for (PoolDevice& device : devices_) {
    if (!matches(rule, device)) continue;
    matched = true;
    if (rule.enabled) device.enabled = *rule.enabled;
    if (rule.gpu) device.gpu_offered = *rule.gpu;
    if (!rule.memory_bytes) continue;
    device.memory_offered_bytes = *rule.memory_bytes;
    if (*rule.memory_bytes > device.traits.global_memory_bytes)
      warnings_.push_back(rule.where + ": offers " + format_bytes(*rule.memory_bytes) + " of '" + device.traits.name +
                          "', which has " + format_bytes(device.traits.global_memory_bytes));
  }
  if (!matched)
    warnings_.push_back(rule.where + ": [[device]] matches none of the " + std::to_string(devices_.size()) +
                        " devices found");
}

void DevicePool::limit_host_memory(std::uint64_t host_memory_bytes, const std::vector<bool>& fixed) {
  const auto sharers = std::count_if(devices_.begin(), devices_.end(),
                                     [](const PoolDevice& device) { return device.enabled && on_host_memory(device); });
  if (sharers == 0) return;
  const std::uint64_t part = host_memory_bytes / 4 * 3 / static_cast<std::uint64_t>(sharers);
  for (PoolDevice& device : devices_)
    if (on_host_memory(device) && !fixed[device.index])
      device.memory_offered_bytes = std::min(device.memory_offered_bytes, part);
}

const PoolDevice* DevicePool::find(std::uint32_t index) const {
  return index < devices_.size() ? &devices_[index] : nullptr;
}

std::uint8_t DevicePool::class_of(const wire::DeviceTraits& traits) {
  const std::string key = traits.platform_name + "\n" + traits.name + "\n" + traits.driver_version;
  const auto found = std::find(class_keys_.begin(), class_keys_.end(), key);
  const auto index = static_cast<std::uint8_t>(found - class_keys_.begin());
  if (found == class_keys_.end()) {
    class_keys_.push_back(key);
    const bool known = std::find(class_names_.begin(), class_names_.end(), traits.name) != class_names_.end();
    class_names_.push_back(traits.name + (known ? " (" + traits.driver_version + ")" : ""));
  }
  return index;
}

const std::string& DevicePool::class_name(std::uint32_t index) const {
  SLUICE_REQUIRE(index < devices_.size());
  return class_names_[pool_->view(0).devices[index].device_class];
}

void DevicePool::set_health(std::uint32_t index, const DeviceHealth& health) {
  SLUICE_REQUIRE(index < devices_.size());
  devices_[index].health = health;
  const Status set = pool_->set_health(0, index, health.takes_slices());
  SLUICE_INVARIANT(set.ok());
}

std::string DevicePool::ill_devices() const {
  std::string text;
  for (const PoolDevice& device : devices_)
    if (!device.health.takes_slices())
      text += (text.empty() ? "device " : "; device ") + std::to_string(device.index) +
              (device.health.state() == Health::gone ? " is gone: " : " has failed: ") + device.health.reason();
  return text;
}

// CPU and host memory of the machine are not what slices are made of: workers have control groups for those.
allocator::NodeSpec DevicePool::machine() {
  allocator::NodeSpec machine;
  machine.name = "this machine";
  for (const PoolDevice& device : devices_) {
    allocator::DeviceSpec spec;
    spec.gpu_milli = device.gpu_offered.value;
    spec.memory_bytes = device.memory_offered_bytes;
    spec.device_class = class_of(device.traits);
    spec.offered = device.enabled;
    machine.devices.push_back(spec);
  }
  return machine;
}

Promised DevicePool::promised(std::uint32_t index) const {
  SLUICE_REQUIRE(index < devices_.size());
  const allocator::Device& device = pool_->view(0).devices[index];
  const allocator::Overcommitted& excess = pool_->device_excess();
  const std::uint64_t milli = device.milli_total - device.milli_free + excess.excess(index, 0);
  return {MilliGpu{static_cast<std::uint32_t>(milli)},
          device.memory_total - device.memory_free + excess.excess(index, 1)};
}

allocator::Site site_on(std::uint32_t device) { return {0, allocator::DeviceMask{1} << device}; }

wire::DeviceTraits slice_traits(const wire::DeviceTraits& device, MilliGpu gpu, std::uint64_t memory_bytes) {
  wire::DeviceTraits slice = device;
  slice.global_memory_bytes = memory_bytes;
  // Programs take the largest buffer there may be and want small ones beside it.
  slice.allocation_bytes_max = std::min(device.allocation_bytes_max, memory_bytes - memory_bytes / 64);
  if (gpu.value > 0) {
    const std::uint64_t scaled = (std::uint64_t{device.compute_units} * gpu.value + 500) / 1000;
    slice.compute_units = static_cast<std::uint32_t>(std::max<std::uint64_t>(scaled, 1));
  }
  return slice;
}

std::uint64_t host_memory_bytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace sluice::server
