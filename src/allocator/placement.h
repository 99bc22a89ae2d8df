// Placement: which device a slice goes to, or why it goes nowhere.
//
// Best fit: of the devices with room for the request, the one that keeps the least free afterwards, so that large
// gaps stay whole for large requests. "Free" is compute and memory together, each as a part of its device, so that
// unlike devices can be compared. Exact integers throughout: the same books give the same answer on every machine;
// of equals, the lowest index.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "allocator/inventory.h"
#include "allocator/request.h"

namespace sluice::allocator {

struct Placement {
  std::uint32_t device = 0;  // DeviceRoom::index
  MilliGpu gpu;
  std::uint64_t memory_bytes = 0;
};

enum class RefusalKind {
  no_devices,       // the inventory is empty
  larger_than_any,  // would fit no device even if all were idle
  no_room_now,      // would fit when others have left
};

struct Refusal {
  RefusalKind kind = RefusalKind::no_devices;
  // The device that misses the request by least, and the largest slice that it could give now in the request's
  // stead. Absent: nothing is free anywhere, or there are no devices.
  std::optional<Placement> nearest;
  std::string reason;  // a sentence for people: what was asked, what is there, what would fit
};

// Exactly one of the two is set.
struct Decision {
  std::optional<Placement> placement;
  std::optional<Refusal> refusal;
};

Decision place(const Inventory& inventory, const Request& request);

// The bytes that `request` means on `device`.
std::uint64_t memory_wanted_bytes(const DeviceRoom& device, const Request& request);

}  // namespace sluice::allocator
