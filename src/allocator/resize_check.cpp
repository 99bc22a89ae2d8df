#include "allocator/resize_check.h"

#include <map>

#include "allocator/explanation_text.h"
#include "base/contract.h"

namespace sluice::allocator {
namespace {

// How much more of a device is wanted by all together.
struct Growth {
  std::int64_t milli = 0, memory_bytes = 0;
  SliceId slice = 0;  // one that grows
};

using DeviceGrowth = std::map<std::pair<NodeIndex, unsigned>, Growth>;

std::int64_t growth(std::uint64_t before, std::uint64_t after) {
  return static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before);
}

void add(DeviceGrowth& devices, const Pool& pool, const Resize& resize) {
  const auto found = pool.slices().find(resize.slice);
  SLUICE_REQUIRE(found != pool.slices().end());
  const Slice& slice = found->second;
  const Shape before = shape_of(slice.request), after = shape_of(resize.to);
  for_each_device(slice.site.devices, [&](unsigned i) {
    const Device& device = pool.view(slice.site.node).devices[i];
    Growth& sum = devices[{slice.site.node, i}];
    const std::int64_t milli = growth(before.gpu_milli, after.gpu_milli);
    const std::int64_t memory = growth(memory_wanted_bytes(device, before), memory_wanted_bytes(device, after));
    sum.milli += milli;
    sum.memory_bytes += memory;
    if (milli > 0 || memory > 0) sum.slice = resize.slice;
  });
}

// What the device has no room for; "": nothing.
std::string missing(const Device& device, const Growth& growth) {
  if (growth.milli > 0 && (!device.healthy || growth.milli > std::int64_t{device.milli_free}))
    return share_text(static_cast<std::uint64_t>(growth.milli), 0);
  const auto memory = static_cast<std::uint64_t>(std::max<std::int64_t>(growth.memory_bytes, 0));
  if (memory > 0 && (!device.healthy || memory > device.memory_free)) return format_bytes(memory);
  return "";
}

}  // namespace

std::optional<ResizeRefusal> check_resizes(const Pool& pool, std::span<const Resize> resizes,
                                           std::span<const std::string> class_names) {
  DeviceGrowth devices;
  for (const Resize& resize : resizes) add(devices, pool, resize);
  for (const auto& [at, sum] : devices) {
    const Device& device = pool.view(at.first).devices[at.second];
    const std::string wanted = missing(device, sum);
    if (wanted.empty()) continue;
    return ResizeRefusal{sum.slice, device_text(pool, at.first, at.second, class_names) + ", which has no room for " +
                                        wanted + " more: " + format_milli_gpu(MilliGpu{device.milli_free}) + " and " +
                                        format_bytes(device.memory_free) + " of memory are free there"};
  }
  return std::nullopt;
}

}  // namespace sluice::allocator
