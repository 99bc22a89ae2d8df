// Random numbers of the simulator, written out so that a seed gives the same numbers everywhere: SplitMix64 (Steele,
// Lea, Flood, OOPSLA 2014) and the shuffle of Fisher and Yates.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/contract.h"

namespace sluice::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  // Evenly from 0 to n - 1. REQUIRES: n > 0.
  std::uint64_t below(std::uint64_t n) {
    SLUICE_REQUIRE(n > 0);
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
  }
  // Evenly from 0 (never 1).
  double fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::sim
