// Request: the slice that somebody asks for.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.h"

namespace sluice::allocator {

// Classes of devices (make and model), a bit each: whoever makes the pool numbers them.
using ClassMask = std::uint64_t;
inline constexpr ClassMask any_class = 0;
inline constexpr unsigned classes_max = 64;

// Where the tenant's own slices may be. `none` is the tenant's that has no wish.
enum class Affinity : std::uint8_t {
  none,
  same_node,     // where one of the tenant's slices is, unless it has none yet
  other_node,    // on no node that has one
  other_device,  // on no device that has one
};

struct Request {
  MilliGpu gpu;                    // of each device; 0: no guarantee of compute
  std::uint64_t memory_bytes = 0;  // of each device; 0: one part in `memory_parts` of whichever device is chosen
  std::uint32_t memory_parts = 8;  // 0: with memory_bytes 0, no memory at all

  std::uint32_t devices = 1;  // of one node: 1 with any share, more than 1 only whole; 0: a program that needs none
  bool linked = false;        // several devices must be of one link group; without it they are where that can be had
  bool spreadable = false;    // several devices may be of several nodes, and of any share: see spread.h. Not `linked`
  ClassMask classes = any_class;
  std::uint32_t cpu_milli = 0;  // of the node, for all devices together
  std::uint64_t host_memory_bytes = 0;

  std::uint64_t tenant = 0;  // whose it is; means something only to `affinity`
  Affinity affinity = Affinity::none;
  bool movable = true;
  std::uint16_t priority = 1;  // what stopping it for a while costs beside stopping others; 0 counts as 1

  friend bool operator==(const Request&, const Request&) = default;
};

// The part of a request that decides where it fits, whoever asks.
struct Shape {
  std::uint32_t gpu_milli = 0;
  std::uint32_t devices = 0;
  std::uint64_t memory_bytes = 0;
  std::uint32_t memory_parts = 0;
  std::uint32_t cpu_milli = 0;
  std::uint64_t host_memory_bytes = 0;
  ClassMask classes = any_class;
  bool linked = false;

  std::uint64_t total_milli() const { return std::uint64_t{gpu_milli} * devices; }
  friend auto operator<=>(const Shape&, const Shape&) = default;
};

inline Shape shape_of(const Request& request) {
  return {request.devices == 0 ? 0 : request.gpu.value,
          request.devices,
          request.devices == 0 ? 0 : request.memory_bytes,
          request.devices == 0 || request.memory_bytes > 0 ? 0 : request.memory_parts,
          request.cpu_milli,
          request.host_memory_bytes,
          request.classes,
          request.linked && !request.spreadable && request.devices > 1};
}

// What falls to `devices` of the request's devices, after `before` of them: of CPU and host memory so much that all
// parts together have what was asked for. REQUIRES: before + devices <= request.devices.
Request part_of(const Request& request, std::uint32_t before, std::uint32_t devices);

// The bytes that `bytes` or, if that is 0, one part in `parts` mean on a device with `total_bytes`: a part is whole
// pages and at least one.
inline std::uint64_t memory_wanted_bytes(std::uint64_t total_bytes, std::uint64_t bytes, std::uint32_t parts) {
  constexpr std::uint64_t page_bytes = 4096;
  if (bytes > 0 || parts == 0) return bytes;
  return std::max(total_bytes / parts / page_bytes * page_bytes, page_bytes);
}

// What it costs to move a slice with so many bytes of device memory, in MiB copied: a program is stopped for about as
// long as it takes to copy `stop_mib`, and then for its bytes; all of it as dear as the request's priority says.
inline constexpr std::uint64_t stop_mib = 256;
std::uint64_t move_cost(const Request& request, std::uint64_t memory_bytes);

}  // namespace sluice::allocator
