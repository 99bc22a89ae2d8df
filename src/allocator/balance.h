// balance: the default policy, for clusters. Sluice's own.
//
// A placement costs, in milli-GPU:
//   what typical requests can no longer use       as fragmentation gradient descent counts it, but not rounded
// + what the node's CPU can no longer serve       free GPU beyond what its free CPU is enough for, at the rate at which
//                                                 recent requests take CPU. A node that runs out of CPU first strands
//                                                 its devices; counting single requests does not show that in advance
// + a little for room left on the node            so that used nodes fill up before empty ones are used
// + the price of the class, for each milli-GPU    requests that may use other classes leave a class to those that
//   and weight of the device                      insist on it; among the rest, weaker devices are used first
#pragma once

#include "allocator/policy.h"

namespace sluice::allocator {

std::optional<Rating> rate_balance(const RatingQuery& query);

}  // namespace sluice::allocator
