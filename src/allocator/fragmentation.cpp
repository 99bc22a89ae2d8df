#include "allocator/fragmentation.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/contract.h"

namespace sluice::allocator {
namespace {

Device with_slice(Device device, const Shape& shape) {
  device.memory_free -= memory_wanted_bytes(device, shape);
  device.milli_free -= shape.gpu_milli;
  return device;
}

bool has_memory(const Device& device, const Shape& shape) {
  return device.memory_free >= memory_wanted_bytes(device, shape);
}

}  // namespace

Fragmentation::Fragmentation(const NodeView& view, const DemandForecast& forecast)
    : devices_(view.devices),
      table_(&forecast.table),
      epoch_(forecast.epoch),
      cpu_free_(view.node.cpu_free),
      version_(view.node.version),
      grouped_(view.node.link_groups > 1 && !forecast.table.linked.empty()) {
  std::fill_n(fitting_.begin(), table_->rows, 0);
  std::fill_n(too_full_.begin(), table_->rows, 0);
  for (const Device& device : view.devices) {
    if (!device.healthy) continue;
    gpu_free_ += device.milli_free;
    count(device, 1, fitting_, too_full_);
  }
  now_ = unusable(fitting_, too_full_, cpu_free_, gpu_free_) + split_up({}, 0, cpu_free_);
}

// Adds the device to the counts, or takes it away (sign ~0: minus one, modulo 2^32).
void Fragmentation::count(const Device& device, std::uint32_t sign, Column& fitting, Column& too_full) const {
  if (table_->rows == 0) return;
  const Column& milli = table_->milli[device.device_class];
  const std::uint32_t free = device.milli_free;
  if (table_->asks_memory) {
    for (std::size_t i = 0; i < table_->rows; ++i) {
      const bool fits = free >= milli[i] && has_memory(device, table_->shapes[i]);
      fitting[i] += fits ? sign : 0;
      too_full[i] += fits ? 0 : free * sign;
    }
    return;
  }
  for (std::size_t i = 0; i < table_->rows; ++i) {
    const std::uint32_t fits = free >= milli[i] ? ~0u : 0;
    fitting[i] += fits & sign;
    too_full[i] += ~fits & (free * sign);
  }
}

std::uint64_t Fragmentation::unusable(const Column& fitting, const Column& too_full, std::uint64_t cpu_free,
                                      std::uint64_t gpu_free) const {
  const auto cpu = static_cast<std::uint32_t>(std::min<std::uint64_t>(cpu_free, UINT32_MAX));
  const auto all = static_cast<std::uint32_t>(gpu_free);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < table_->rows; ++i) {
    const std::uint32_t usable = (cpu >= table_->cpu_milli[i] ? ~0u : 0) & (fitting[i] >= table_->devices[i] ? ~0u : 0);
    sum += std::uint64_t{table_->parts[i]} * ((usable & too_full[i]) | (~usable & all));
  }
  return sum;
}

// What requests for linked devices cannot use because the fitting devices are of several link groups.
// `shape` has `taken` some of them.
std::uint64_t Fragmentation::split_up(const Shape& shape, DeviceMask taken, std::uint64_t cpu_free) const {
  if (!grouped_) return 0;
  std::uint64_t sum = 0;
  for (const std::size_t row : table_->linked) {
    if (cpu_free < table_->cpu_milli[row]) continue;
    std::array<std::uint32_t, devices_per_node_max> of_group{};
    std::uint32_t fitting = 0, linked = 0;
    std::uint64_t usable = 0;
    for (unsigned i = 0; i < devices_.size(); ++i) {
      const Device device = (taken >> i & 1) != 0 ? with_slice(devices_[i], shape) : devices_[i];
      if (!device_fits(device, table_->shapes[row])) continue;
      ++fitting;
      usable += device.milli_free;
      linked = std::max(linked, ++of_group[device.link_group]);
    }
    if (fitting >= table_->devices[row] && linked < table_->devices[row]) sum += table_->parts[row] * usable;
  }
  return sum;
}

// One device with less free than before, in one pass: most placements are that.
std::uint64_t Fragmentation::after_one(const Device& old, const Device& changed, std::uint64_t cpu_free) const {
  const Column& milli = table_->milli[old.device_class];
  const auto cpu = static_cast<std::uint32_t>(std::min<std::uint64_t>(cpu_free, UINT32_MAX));
  const std::uint32_t before = old.milli_free, left = changed.milli_free;
  const auto all = static_cast<std::uint32_t>(gpu_free_) - (before - left);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < table_->rows; ++i) {
    const std::uint32_t fitted = before >= milli[i] ? ~0u : 0, fits = left >= milli[i] ? ~0u : 0;
    const std::uint32_t fitting = fitting_[i] + fitted - fits;  // minus one where it was counted, plus one where it is
    const std::uint32_t too_full = too_full_[i] - (~fitted & before) + (~fits & left);
    const std::uint32_t usable = (cpu >= table_->cpu_milli[i] ? ~0u : 0) & (fitting >= table_->devices[i] ? ~0u : 0);
    sum += std::uint64_t{table_->parts[i]} * ((usable & too_full) | (~usable & all));
  }
  return sum;
}

std::uint64_t Fragmentation::after(const Shape& shape, DeviceMask devices) const {
  SLUICE_REQUIRE(shape.cpu_milli <= cpu_free_ && shape.total_milli() <= gpu_free_);
  if (table_->rows == 0) return 0;
  const std::uint64_t cpu_left = cpu_free_ - shape.cpu_milli;
  if (std::has_single_bit(devices) && !table_->asks_memory) {
    const Device& device = devices_[static_cast<unsigned>(std::countr_zero(devices))];
    return after_one(device, with_slice(device, shape), cpu_left) + split_up(shape, devices, cpu_left);
  }
  Column fitting = fitting_, too_full = too_full_;
  for (DeviceMask mask = devices; mask != 0; mask &= mask - 1) {
    const Device& device = devices_[static_cast<unsigned>(std::countr_zero(mask))];
    count(device, ~0u, fitting, too_full);
    count(with_slice(device, shape), 1, fitting, too_full);
  }
  return unusable(fitting, too_full, cpu_left, gpu_free_ - shape.total_milli()) + split_up(shape, devices, cpu_left);
}

}  // namespace sluice::allocator
