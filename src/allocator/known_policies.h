// Policies known from the literature and the field, to compare with. Each follows the definitions that Weng et al.
// (USENIX ATC 2023) compared: the same scores, rounded to whole points of 100, the same choice among a node's devices.
#pragma once

#include "allocator/policy.h"

namespace sluice::allocator {

std::optional<Rating> rate_random(const RatingQuery& query);
std::optional<Rating> rate_first_fit(const RatingQuery& query);
std::optional<Rating> rate_best_fit(const RatingQuery& query);
std::optional<Rating> rate_worst_fit(const RatingQuery& query);
// Free amount times requested amount, CPU and GPU, as Tetris does (Grandl et al., SIGCOMM 2014): the least product is
// taken.
std::optional<Rating> rate_dot_product(const RatingQuery& query);
// Used devices first, then used nodes, then empty ones.
std::optional<Rating> rate_packing(const RatingQuery& query);
// Fragmentation gradient descent: the least growth of what typical requests cannot use.
std::optional<Rating> rate_fragmentation_gradient(const RatingQuery& query);

}  // namespace sluice::allocator
