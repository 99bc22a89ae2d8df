// best-fit-memory: of the devices with room for a share, the one that keeps the least free afterwards, so that large
// gaps stay whole for large requests.
//
// "Free" is compute and memory together, each as a part of its device, so that unlike devices can be compared. It looks
// at devices alone, not at CPU: for one machine, or a few. Of equals, the lowest index.
#pragma once

#include "allocator/policy.h"

namespace sluice::allocator {

std::optional<Rating> rate_best_fit_memory(const RatingQuery& query);

}  // namespace sluice::allocator
