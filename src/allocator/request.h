// Request: what is asked for a slice. Shape: the part of it that decides where it fits.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.h"

namespace sluice::allocator {

// Classes of devices (make and model), one bit each. The maker of the pool numbers them.
using ClassMask = std::uint64_t;
inline constexpr ClassMask any_class = 0;
inline constexpr unsigned classes_max = 64;

// Where the slice may be, by where the tenant's other slices are.
enum class Affinity : std::uint8_t {
  none,
  same_node,     // on a node with one of the tenant's slices, if it has any
  other_node,    // on a node without one
  other_device,  // on devices without one
};

struct Request {
  MilliGpu gpu;                    // of each device; 0: no guarantee of compute
  std::uint64_t memory_bytes = 0;  // of each device; 0: one part in `memory_parts` of the chosen device
  std::uint32_t memory_parts = 8;  // 0: with memory_bytes 0, no memory at all

  std::uint32_t devices = 1;  // of one node: 1 with any share, more than 1 only whole; 0: a program that needs none
  bool linked = false;        // several devices must be of one link group; otherwise they are if possible
  bool spreadable = false;    // several devices may be on several nodes, with any share: see spread.h. Not `linked`
  ClassMask classes = any_class;
  std::uint32_t cpu_milli = 0;  // of the node, for all devices together
  std::uint64_t host_memory_bytes = 0;

  std::uint64_t tenant = 0;  // 0: none. Only `affinity` uses it
  Affinity affinity = Affinity::none;
  bool movable = true;
  std::uint16_t priority = 1;  // how dear it is to stop it for a move, beside others; 0 counts as 1

  friend bool operator==(const Request&, const Request&) = default;
};

// The part of a request that decides where it fits, for any tenant.
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

// The request for `devices` of the request's devices, after `before` of them. The CPU and host memory of all parts add
// up to what was asked for. REQUIRES: before + devices <= request.devices.
Request part_of(const Request& request, std::uint32_t before, std::uint32_t devices);

// `bytes`, or if that is 0 one part in `parts` of a device with `total_bytes`: whole pages, at least one.
inline std::uint64_t memory_wanted_bytes(std::uint64_t total_bytes, std::uint64_t bytes, std::uint32_t parts) {
  constexpr std::uint64_t page_bytes = 4096;
  if (bytes > 0 || parts == 0) return bytes;
  return std::max(total_bytes / parts / page_bytes * page_bytes, page_bytes);
}

// The cost of moving a slice with so much device memory, in MiB copied: its bytes, plus stop_mib for stopping its
// program, times the request's priority.
inline constexpr std::uint64_t stop_mib = 256;
std::uint64_t move_cost(const Request& request, std::uint64_t memory_bytes);

}  // namespace sluice::allocator
