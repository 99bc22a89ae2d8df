#include "allocator/placement.h"

#include <algorithm>

#include "allocator/amounts.h"

namespace sluice::allocator {
namespace {

// Compute and memory, each against the device's own whole.
std::uint64_t weigh(const DeviceRoom& device, std::uint64_t milli, std::uint64_t bytes) {
  return millionths(milli, device.gpu_total.value) + millionths(bytes, device.memory_total_bytes);
}

bool fits(MilliGpu gpu, std::uint64_t memory_bytes, const DeviceRoom& device, const Request& request) {
  return request.gpu <= gpu && memory_wanted_bytes(device, request) <= memory_bytes;
}

std::uint64_t left_after(const DeviceRoom& device, const Request& request) {
  return weigh(device, device.gpu_free.value - request.gpu.value,
               device.memory_free_bytes - memory_wanted_bytes(device, request));
}

std::uint64_t missing_by(const DeviceRoom& device, const Request& request) {
  const std::uint64_t wanted = memory_wanted_bytes(device, request);
  const std::uint64_t milli = shortfall(request.gpu.value, device.gpu_free.value);
  const std::uint64_t bytes = shortfall(wanted, device.memory_free_bytes);
  return weigh(device, milli, bytes);
}

const DeviceRoom* best_fit(const Inventory& inventory, const Request& request) {
  const DeviceRoom* best = nullptr;
  for (const DeviceRoom& device : inventory) {
    if (!fits(device.gpu_free, device.memory_free_bytes, device, request)) continue;
    if (best == nullptr || left_after(device, request) < left_after(*best, request)) best = &device;
  }
  return best;
}

Placement largest_instead(const DeviceRoom& device, const Request& request) {
  return {device.index, std::min(request.gpu, device.gpu_free),
          std::min(memory_wanted_bytes(device, request), device.memory_free_bytes)};
}

// The device that misses least, if it can give anything of what was asked.
const DeviceRoom* nearest_device(const Inventory& inventory, const Request& request) {
  const DeviceRoom* nearest = nullptr;
  for (const DeviceRoom& device : inventory) {
    if (device.memory_free_bytes == 0 || (request.gpu.value > 0 && device.gpu_free.value == 0)) continue;
    if (nearest == nullptr || missing_by(device, request) < missing_by(*nearest, request)) nearest = &device;
  }
  return nearest;
}

std::string describe(MilliGpu gpu, std::uint64_t memory_bytes) {
  std::string text = gpu.value > 0 ? format_milli_gpu(gpu) + " and " : "";
  return text + writable_bytes(memory_bytes) + " of memory";
}

std::string asked(const Request& request) {
  if (request.memory_bytes > 0) return describe(request.gpu, request.memory_bytes);
  std::string text = request.gpu.value > 0 ? format_milli_gpu(request.gpu) + " and " : "";
  return text + "1/" + std::to_string(request.memory_parts) + " of a device's memory";
}

std::string name_of(const DeviceRoom& device) {
  return "device " + std::to_string(device.index) + " (" + device.name + ")";
}

// Of one device it has been said already.
std::string free_in_total(const Inventory& inventory) {
  MilliGpu gpu;
  std::uint64_t memory_bytes = 0;
  for (const DeviceRoom& device : inventory) {
    gpu.value += device.gpu_free.value;
    memory_bytes += device.memory_free_bytes;
  }
  return inventory.size() < 2 ? "" : "; " + describe(gpu, memory_bytes) + " are free in total";
}

std::string explain(const Inventory& inventory, const Request& request, RefusalKind kind, const DeviceRoom* nearest) {
  if (kind == RefusalKind::no_devices) return "the pool has no devices";
  std::string text =
      kind == RefusalKind::larger_than_any ? "no device is large enough for " : "no device has room now for ";
  text += asked(request);
  if (nearest == nullptr) return text + ": nothing is free";
  const Placement instead = largest_instead(*nearest, request);
  text += "; the nearest is " + name_of(*nearest) + " with " + describe(nearest->gpu_free, nearest->memory_free_bytes) +
          " free";
  return text + ", where " + describe(instead.gpu, instead.memory_bytes) + " would fit" + free_in_total(inventory);
}

Refusal refuse(const Inventory& inventory, const Request& request) {
  Refusal refusal;
  const bool ever = std::any_of(inventory.begin(), inventory.end(), [&](const DeviceRoom& device) {
    return fits(device.gpu_total, device.memory_total_bytes, device, request);
  });
  if (!inventory.empty()) refusal.kind = ever ? RefusalKind::no_room_now : RefusalKind::larger_than_any;
  const DeviceRoom* nearest = nearest_device(inventory, request);
  if (nearest != nullptr) refusal.nearest = largest_instead(*nearest, request);
  refusal.reason = explain(inventory, request, refusal.kind, nearest);
  return refusal;
}

}  // namespace

std::uint64_t memory_wanted_bytes(const DeviceRoom& device, const Request& request) {
  return memory_wanted_bytes(device.memory_total_bytes, request.memory_bytes, request.memory_parts);
}

Decision place(const Inventory& inventory, const Request& request) {
  Decision decision;
  if (const DeviceRoom* device = best_fit(inventory, request); device != nullptr)
    decision.placement = Placement{device->index, request.gpu, memory_wanted_bytes(*device, request)};
  else decision.refusal = refuse(inventory, request);
  return decision;
}

}  // namespace sluice::allocator
