#include "allocator/best_fit_memory.h"

#include <bit>

#include "allocator/amounts.h"

namespace sluice::allocator {
namespace {

// In millionths of the device's compute and of its memory.
std::uint64_t left_after(const Device& device, const Shape& shape) {
  return millionths(device.milli_free - shape.gpu_milli, device.milli_total) +
         millionths(device.memory_free - memory_wanted_bytes(device, shape), device.memory_total);
}

std::int64_t left_of_all(const NodeView& view, DeviceMask devices, const Shape& shape) {
  std::uint64_t left = 0;
  for (; devices != 0; devices &= devices - 1)
    left += left_after(view.devices[static_cast<unsigned>(std::countr_zero(devices))], shape);
  return static_cast<std::int64_t>(left);
}

}  // namespace

std::optional<Rating> rate_best_fit_memory(const RatingQuery& query) {
  const NodeView view = query.pool.view(query.node);
  std::optional<Rating> best;
  for_each_choice(query, [&](DeviceMask devices) {
    const std::int64_t left = left_of_all(view, devices, query.shape);
    if (!best || left < best->cost) best = Rating{left, devices};
  });
  return best;
}

}  // namespace sluice::allocator
