// What a simulation prints of many measurements.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sluice::sim {

// Of `sorted` nanoseconds, the value below which the part `q` of them lies, in microseconds; 1: the largest.
inline double quantile_us(const std::vector<std::uint32_t>& sorted, double q) {
  if (sorted.empty()) return 0;
  const auto index = static_cast<std::size_t>(q * static_cast<double>(sorted.size()));
  return sorted[std::min(index, sorted.size() - 1)] / 1e3;
}

inline void append(std::vector<std::uint32_t>& to, const std::vector<std::uint32_t>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace sluice::sim
