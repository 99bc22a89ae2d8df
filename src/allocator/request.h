// Request: the slice that somebody asks for.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace sluice::allocator {

struct Request {
  MilliGpu gpu;                    // 0: no guarantee of compute
  std::uint64_t memory_bytes = 0;  // 0: one part in `memory_parts` of whichever device is chosen
  std::uint32_t memory_parts = 8;  // REQUIRES: > 0
};

}  // namespace sluice::allocator
