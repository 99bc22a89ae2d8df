// Both sides in one process, as under one kernel: one mapping, and futexes.
#include <sys/mman.h>

#include <cstdlib>
#include <new>

#include "tests/wire/ring_rig.h"
#include "wire/arena.h"

namespace sluice::wire {
namespace {

// The control memory comes from the heap, so that AddressSanitizer sees steps outside of it. The arena's pages come
// when they are touched.
struct Owner {
  explicit Owner(std::size_t arena_bytes)
      : control(new (std::align_val_t{page_bytes}) std::byte[control_bytes](), control_bytes) {
    void* memory = ::mmap(nullptr, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    arena = {static_cast<std::byte*>(memory), arena_bytes};
  }
  ~Owner() {
    ::operator delete[](control.data(), std::align_val_t{page_bytes});
    ::munmap(arena.data(), arena.size());
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  std::span<std::byte> control, arena;
};

}  // namespace

Sides make_sides(std::size_t arena_bytes) {
  const auto owner = std::make_shared<Owner>(arena_bytes);
  return {owner->control, owner->control, owner->arena, owner->arena, {}, {}, owner};
}

}  // namespace sluice::wire
