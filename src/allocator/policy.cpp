#include "allocator/policy.h"

#include <algorithm>
#include <array>

#include "allocator/balance.h"
#include "allocator/known_policies.h"

namespace sluice::allocator {
namespace {

constexpr std::array all{
    Policy{"balance", "our own: fragmentation, CPU that runs out first, emptiest last, dear classes last", rate_balance,
           true, true, true},
    Policy{"fgd", "fragmentation gradient descent (Weng et al., USENIX ATC 2023)", rate_fragmentation_gradient, true,
           true},
    Policy{"best-fit", "the node that has the least left afterwards", rate_best_fit, true, false},
    Policy{"worst-fit", "the node that has the most left afterwards", rate_worst_fit, true, false},
    Policy{"dot-product", "the least product of wish and room, CPU and GPU (Tetris, SIGCOMM 2014)", rate_dot_product,
           true, false},
    Policy{"packing", "used devices first, then used nodes, then empty ones", rate_packing, true, false},
    Policy{"first-fit", "the first node that fits", rate_first_fit, true, false},
    Policy{"random", "any that fits", rate_random, false, false},
};

}  // namespace

std::span<const Policy> policies() { return all; }

const Policy* find_policy(std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Policy& policy) { return policy.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace sluice::allocator
