// Resize check: whether slices can be resized together where they are, some growing into what others give up, and what
// stands in the way.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "allocator/pool.h"

namespace sluice::allocator {

struct Resize {
  SliceId slice = 0;
  Request to;  // differs from the slice's request only in amounts and priority
};

struct ResizeRefusal {
  SliceId slice = 0;   // one that would grow on a device without enough room
  std::string reason;  // "device 0 (T4), which has no room for 16 MiB more: 200m and 16 MiB of memory are free there"
};

// Empty: Pool::resize() works for all of them, in an order in which those that shrink come first or with
// Overcommit::allow. `class_names`: by device class, for the sentence. Looks at devices, not at CPU and host memory.
// REQUIRES: all slices exist.
std::optional<ResizeRefusal> check_resizes(const Pool& pool, std::span<const Resize> resizes,
                                           std::span<const std::string> class_names = {});

}  // namespace sluice::allocator
