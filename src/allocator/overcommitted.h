// Overcommitted: by how much promises exceed what there is, of the few devices or nodes where they do.
//
// A free amount never falls below 0: what it lacks is kept here, and what is given back pays for that first.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>

namespace sluice::allocator {

class Overcommitted {
 public:
  static constexpr std::size_t quantities = 2;  // of each device or node, e.g. compute and memory

  // Takes `amount` from `free`. Returns what `free` had of it.
  template <typename Amount>
  std::uint64_t reserve(std::uint32_t key, std::size_t quantity, Amount& free, std::uint64_t amount) {
    const std::uint64_t there = std::min<std::uint64_t>(free, amount);
    if (there < amount) excess_[key][quantity] += amount - there;
    free -= static_cast<Amount>(there);
    return there;
  }

  // The reverse of reserve(). Returns by how much `free` grew.
  template <typename Amount>
  std::uint64_t release(std::uint32_t key, std::size_t quantity, Amount& free, std::uint64_t amount) {
    const std::uint64_t grown = amount - (excess_.empty() ? 0 : pay(key, quantity, amount));
    free += static_cast<Amount>(grown);
    return grown;
  }

  std::uint64_t excess(std::uint32_t key, std::size_t quantity) const {
    const auto found = excess_.find(key);
    return found == excess_.end() ? 0 : found->second[quantity];
  }

 private:
  using Excess = std::array<std::uint64_t, quantities>;

  std::uint64_t pay(std::uint32_t key, std::size_t quantity, std::uint64_t most) {
    const auto found = excess_.find(key);
    if (found == excess_.end()) return 0;
    const std::uint64_t paid = std::min(found->second[quantity], most);
    found->second[quantity] -= paid;
    if (found->second == Excess{}) excess_.erase(found);
    return paid;
  }

  std::unordered_map<std::uint32_t, Excess> excess_;
};

}  // namespace sluice::allocator
