#include "wire/arena.h"

#include <algorithm>

#include "base/contract.h"

namespace sluice::wire {
namespace {

constexpr std::uint64_t small_align = 256;
constexpr std::uint64_t staging_bytes = 512ull << 20;

std::uint64_t round_up(std::uint64_t value, std::uint64_t align) { return (value + align - 1) / align * align; }

std::uint64_t rounded_size(std::uint64_t bytes) {
  return round_up(bytes, bytes < page_bytes ? small_align : page_bytes);
}

}  // namespace

std::uint64_t arena_bytes_for(std::uint64_t memory_limit_bytes) {
  return round_up(memory_limit_bytes + memory_limit_bytes / 4 + staging_bytes, page_bytes);
}

// 256 places, far apart, between ASan's shadow (below 2^44) and where programs and libraries are loaded.
// ThreadSanitizer keeps that region for itself and leaves the first 512 GiB: room for two places, not as far apart.
std::uintptr_t arena_home(std::uint64_t session_id) {
#ifdef __SANITIZE_THREAD__
  constexpr std::uintptr_t first = 0x10'0000'0000, apart = 0x30'0000'0000;
  constexpr std::uint64_t places = 2;
#else
  constexpr std::uintptr_t first = 0x1100'0000'0000, apart = 0x40'0000'0000;
  constexpr std::uint64_t places = 256;
#endif
  return first + session_id % places * apart;
}

ArenaAllocator::ArenaAllocator(std::uint64_t bytes, std::uint64_t beside_bytes_max)
    : beside_bytes_max_(beside_bytes_max) {
  insert_gap(0, bytes / page_bytes * page_bytes);
}

void ArenaAllocator::insert_gap(std::uint64_t at, std::uint64_t bytes) {
  if (bytes == 0) return;
  gaps_.emplace(at, bytes);
  gaps_by_size_.emplace(bytes, at);
}

void ArenaAllocator::erase_gap(std::map<std::uint64_t, std::uint64_t>::iterator gap) {
  gaps_by_size_.erase({gap->second, gap->first});
  gaps_.erase(gap);
}

std::optional<std::uint64_t> ArenaAllocator::allocate(std::uint64_t bytes, Use use) {
  SLUICE_REQUIRE(bytes > 0);
  if (bytes > UINT64_MAX / 2) return std::nullopt;
  const std::uint64_t size = rounded_size(bytes);
  const std::uint64_t beside = use == Use::object ? size - bytes : size;
  if (beside > beside_bytes_max_ - std::min(beside_bytes_, beside_bytes_max_)) return std::nullopt;
  const std::uint64_t align = size < page_bytes ? small_align : page_bytes;
  for (auto fit = gaps_by_size_.lower_bound({size, 0}); fit != gaps_by_size_.end(); ++fit) {
    const auto [gap_bytes, gap_at] = *fit;
    const std::uint64_t at = round_up(gap_at, align);
    if (at - gap_at + size > gap_bytes) continue;  // small gaps may start inside a page
    erase_gap(gaps_.find(gap_at));
    insert_gap(gap_at, at - gap_at);
    insert_gap(at + size, gap_at + gap_bytes - at - size);
    used_.emplace(at, Used{size, beside});
    used_bytes_ += size;
    beside_bytes_ += beside;
    return at;
  }
  return std::nullopt;
}

std::pair<std::uint64_t, std::uint64_t> ArenaAllocator::release(std::uint64_t at) {
  const auto used = used_.find(at);
  SLUICE_REQUIRE(used != used_.end());
  std::uint64_t bytes = used->second.bytes;
  used_bytes_ -= bytes;
  beside_bytes_ -= used->second.beside_bytes;
  used_.erase(used);
  auto after = gaps_.lower_bound(at);
  if (after != gaps_.end() && after->first == at + bytes) {
    bytes += after->second;
    erase_gap(after);
  }
  auto before = gaps_.lower_bound(at);
  if (before != gaps_.begin()) {
    --before;
    if (before->first + before->second == at) {
      at = before->first;
      bytes += before->second;
      erase_gap(before);
    }
  }
  insert_gap(at, bytes);
  return {at, bytes};
}

}  // namespace sluice::wire
