// Amounts: comparing what is asked for with what is free, and writing both for people.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::allocator {

inline constexpr std::uint64_t parts_per_whole = 1'000'000;  // resolution in which unlike amounts are compared

// `some` of `all` in millionths, rounded up: what is more than 0 never counts as 0.
inline std::uint64_t millionths(std::uint64_t some, std::uint64_t all) {
  if (all == 0) return some == 0 ? 0 : parts_per_whole;
  const unsigned __int128 scaled = static_cast<unsigned __int128>(some) * parts_per_whole + (all - 1);
  return static_cast<std::uint64_t>(scaled / all);
}

inline std::uint64_t shortfall(std::uint64_t wanted, std::uint64_t there) {
  return wanted > there ? wanted - there : 0;
}

// In a unit that needs no decimals, rounded down: a request for the amount as it is written fits.
inline std::string writable_bytes(std::uint64_t bytes) {
  constexpr std::uint64_t mib = 1ull << 20;
  if (bytes < mib) return std::to_string(bytes) + " B";
  if (bytes % (1024 * mib) == 0) return std::to_string(bytes / (1024 * mib)) + " GiB";
  return std::to_string(bytes / mib) + " MiB";
}

}  // namespace sluice::allocator
