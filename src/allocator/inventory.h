// Inventory: what the pool has and what of it is free, as the allocator sees it. Plain data, made anew for each
// query by whoever keeps the books.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"

namespace sluice::allocator {

struct DeviceRoom {
  std::uint32_t index = 0;  // how the pool calls the device
  std::string name;         // for people
  MilliGpu gpu_total, gpu_free;
  std::uint64_t memory_total_bytes = 0, memory_free_bytes = 0;
};

// Only devices that may be used. At most devices_max.
using Inventory = std::vector<DeviceRoom>;

inline constexpr std::size_t devices_max = 64;

}  // namespace sluice::allocator
