#include "allocator/request.h"

#include <algorithm>

namespace sluice::allocator {
namespace {

constexpr std::uint64_t memory_grain_bytes = 4096;

}  // namespace

std::uint64_t memory_wanted_bytes(std::uint64_t total_bytes, std::uint64_t bytes, std::uint32_t parts) {
  if (bytes > 0 || parts == 0) return bytes;
  return std::max(total_bytes / parts / memory_grain_bytes * memory_grain_bytes, memory_grain_bytes);
}

}  // namespace sluice::allocator
