// Spread: a request for several devices that may be of several nodes.
//
// It becomes as many slices as it takes, each of which is a slice like any other: it can be moved and released by
// itself. The devices are all different ones, and CPU and host memory go with them, so that the parts together ask for
// what was asked for, to the unit.
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

// Places the request: as one slice where that is possible or it is not spreadable, else on as few nodes as it takes if
// each has as many of the devices as any node can give. The slices are `first`, first + 1 … Nothing: it does not fit,
// and nothing is placed. REQUIRES: none of the ids is taken; the chooser is the pool's.
std::vector<Part> place_parts(Pool& pool, Chooser& chooser, const Request& request, const Outlook& outlook,
                              std::uint64_t draw, SliceId first);

}  // namespace sluice::allocator
