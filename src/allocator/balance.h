// Balance: the policy of our own, and the default.
//
// A placement costs, in milli-GPU:
//   what typical requests can use no longer     as fragmentation gradient descent counts it, but not rounded
// + what the node's CPU can serve no longer     free GPU beyond what its free CPU is enough for, at the rate at which
//                                               requests of late take CPU: a node that runs out of CPU first strands
//                                               its devices, which no count of single requests foresees
// + a little for room left on the node          so that used nodes fill up before empty ones are begun
// + the price of the class, for each milli      those who could go elsewhere leave what others insist on, and of what
//   and weight of the device                    nobody insists on, the stronger devices
#pragma once

#include "allocator/policy.h"

namespace sluice::allocator {

std::optional<Rating> rate_balance(const RatingQuestion& question);

}  // namespace sluice::allocator
