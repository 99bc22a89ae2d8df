// The arena: the session's shared memory for bulk data, slots and buffers.
//
// The shim decides what lies where (ArenaAllocator, in the program's private memory, so that a stray kernel cannot
// corrupt its books). The worker only ever checks that what it is told to touch lies inside (ArenaView).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

namespace sluice::wire {

inline constexpr std::uint64_t page_bytes = 4096;

// What a session may use of its arena beyond the memory that it is granted: staging memory, slots, what rounding adds,
// and pages that were touched and are not in use. An honest shim keeps within the first two; the daemon ends a session
// that uses more than all of it.
inline constexpr std::uint64_t arena_beside_bytes_max = 128ull << 20;
inline constexpr std::uint64_t arena_idle_bytes_max = 64ull << 20;
inline constexpr std::uint64_t arena_overhead_bytes_max = arena_beside_bytes_max + arena_idle_bytes_max + (64ull << 20);

// How large a session's arena is for a slice's memory limit: room for every buffer the limit allows in spite of
// fragmentation, and for staging and slots. Address space only; pages come when touched.
std::uint64_t arena_bytes_for(std::uint64_t memory_limit_bytes);

// Where both sides map a session's arena if nothing lies there, so that an address in it means the same to the program
// and to a device that works on host memory: the ground of shared virtual memory. In a part of the address space that
// neither loaders nor allocators nor sanitizers use; sessions that one process has after another get other places.
std::uintptr_t arena_home(std::uint64_t session_id);

// Best fit over offsets, the lowest first among gaps of one size, neighbours joined on release: so the arena fills from
// the front, and pages that are already resident are used again. Not thread-safe. Allocations below a page are aligned
// to 256 bytes, larger ones to a page.
class ArenaAllocator {
 public:
  enum class Use : std::uint8_t {
    object,  // counts against the session's grant, to the byte
    beside,  // does not
  };
  // No more than `beside_bytes_max` is used beside objects: by the rest, and by what rounding adds to objects.
  explicit ArenaAllocator(std::uint64_t bytes, std::uint64_t beside_bytes_max = UINT64_MAX);

  // Nothing: no gap is large enough, or too much is used beside objects. REQUIRES: bytes > 0.
  std::optional<std::uint64_t> allocate(std::uint64_t bytes, Use use = Use::beside);
  // REQUIRES: `at` came from allocate and was not released since.
  // Returns the gap that it is part of now: {offset, bytes}.
  std::pair<std::uint64_t, std::uint64_t> release(std::uint64_t at);

  std::uint64_t used_bytes() const { return used_bytes_; }

 private:
  void insert_gap(std::uint64_t at, std::uint64_t bytes);
  void erase_gap(std::map<std::uint64_t, std::uint64_t>::iterator gap);

  std::map<std::uint64_t, std::uint64_t> gaps_;                     // offset -> bytes
  std::set<std::pair<std::uint64_t, std::uint64_t>> gaps_by_size_;  // {bytes, offset}
  struct Used {
    std::uint64_t bytes = 0, beside_bytes = 0;
  };
  std::map<std::uint64_t, Used> used_;  // by offset
  std::uint64_t used_bytes_ = 0, beside_bytes_ = 0, beside_bytes_max_;
};

// The worker's bounds check.
class ArenaView {
 public:
  ArenaView() = default;
  explicit ArenaView(std::span<std::byte> arena) : arena_(arena) {}

  // Nothing: the range is not inside. Zero bytes at the very end are inside.
  std::optional<std::span<std::byte>> range(std::uint64_t at, std::uint64_t bytes) const {
    if (at > arena_.size() || bytes > arena_.size() - at) return std::nullopt;
    return arena_.subspan(at, bytes);
  }

  // A slot, which must lie inside on a 64-byte boundary; null if it does not.
  template <typename Slot>
  Slot* slot(std::uint64_t at) const {
    static_assert(alignof(Slot) == 64);
    if (at % alignof(Slot) != 0 || !range(at, sizeof(Slot))) return nullptr;
    return reinterpret_cast<Slot*>(arena_.data() + at);
  }

  std::span<std::byte> bytes() const { return arena_; }

 private:
  std::span<std::byte> arena_;
};

}  // namespace sluice::wire
