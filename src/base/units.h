// The units that people write: milli-GPU ("250m", "1") and bytes ("2GiB", "512MiB", "4096").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice {

// Thousandths of one device, as Kubernetes counts millicores: 1000 is a whole device.
struct MilliGpu {
  std::uint32_t value = 0;
  friend bool operator==(MilliGpu, MilliGpu) = default;
  friend auto operator<=>(MilliGpu, MilliGpu) = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 sees a 0
};

inline constexpr MilliGpu whole_gpu{1000};

// "250m" -> 250; "1" and "0.25" count whole devices. Refuses anything finer than one thousandth, signs and spaces.
Result<MilliGpu> parse_milli_gpu(std::string_view text);
std::string format_milli_gpu(MilliGpu share);  // "250m"

// A whole number with an optional unit: B, KiB, MiB, GiB, TiB (1024) or KB, MB, GB, TB (1000); "1.5GiB" is allowed.
// Refuses a result that is not a whole number of bytes, or above 2^63 - 1.
Result<std::uint64_t> parse_bytes(std::string_view text);
// In the largest binary unit that is not above it, rounded to two decimals: "2 GiB", "1.5 MiB", "17 B".
std::string format_bytes(std::uint64_t bytes);

// "417 ns", "20.5 us", "1.25 ms", "3.70 s".
std::string format_duration(std::uint64_t nanoseconds);

}  // namespace sluice
