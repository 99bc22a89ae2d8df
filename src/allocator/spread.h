// Spread: a request for several devices that may be on several nodes.
//
// It becomes as many slices as it takes. Each is an ordinary slice: it can be moved and released by itself. The devices
// are all different, and CPU and host memory are divided among the slices without a remainder.
#pragma once

#include <cstdint>
#include <vector>

#include "allocator/chooser.h"

namespace sluice::allocator {

struct Part {
  SliceId id = 0;
  Request request;  // not spreadable
  Site site;
};

// Places the request as one slice if that is possible or it is not spreadable, and otherwise greedily: each part is the
// largest that any node has room for. The slices are `first`, first + 1 … Empty: it does not fit, and nothing is
// placed. REQUIRES: none of the ids is taken; the chooser is of this pool.
std::vector<Part> place_parts(Pool& pool, Chooser& chooser, const Request& request, const DemandForecast& forecast,
                              std::uint64_t draw, SliceId first);

}  // namespace sluice::allocator
