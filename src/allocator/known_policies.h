// The policies that the literature and the field know, to be compared with. Each follows what Weng et al. (USENIX ATC
// 2023) compared: the same scores, rounded to whole points of 100, the same choice among the devices of a node.
#pragma once

#include "allocator/policy.h"

namespace sluice::allocator {

std::optional<Rating> rate_random(const RatingQuestion& question);
std::optional<Rating> rate_first_fit(const RatingQuestion& question);
std::optional<Rating> rate_best_fit(const RatingQuestion& question);
std::optional<Rating> rate_worst_fit(const RatingQuestion& question);
// Free room times wish, CPU and GPU, as Tetris does (Grandl et al., SIGCOMM 2014): the least product is taken.
std::optional<Rating> rate_dot_product(const RatingQuestion& question);
// Used devices first, then used nodes, then empty ones.
std::optional<Rating> rate_packing(const RatingQuestion& question);
// Fragmentation gradient descent: the least growth of what typical requests cannot use.
std::optional<Rating> rate_fragmentation_gradient(const RatingQuestion& question);

}  // namespace sluice::allocator
