// The wall clock, for what people and later daemons read. Durations are measured with now_ns() (base/clock.h).
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice::server {

// Since 1970, UTC. May step in either direction.
inline std::uint64_t unix_now_ns() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

}  // namespace sluice::server
