// The one clock of the project: CLOCK_MONOTONIC, in nanoseconds.
//
// Device timestamps are brought to this clock by the backends, so that times of the program, the worker and the
// device can be compared. Pure code (allocator, arbiter, metering) never reads it: time is handed in.
#pragma once

#include <cstdint>
#include <ctime>

namespace sluice {

using Nanoseconds = std::uint64_t;

inline constexpr Nanoseconds ns_per_us = 1'000;
inline constexpr Nanoseconds ns_per_ms = 1'000'000;
inline constexpr Nanoseconds ns_per_s = 1'000'000'000;

inline Nanoseconds now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Nanoseconds>(now.tv_sec) * ns_per_s + static_cast<Nanoseconds>(now.tv_nsec);
}

}  // namespace sluice
