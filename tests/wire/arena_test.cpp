#include "wire/arena.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/base/run_apart.h"
#include "wire/timeline.h"

namespace sluice::wire {
namespace {

constexpr std::uint64_t arena_bytes = 1 << 20;

// The books kept the slow and obvious way: one flag for every 256 bytes.
class Oracle {
 public:
  bool take(std::uint64_t at, std::uint64_t bytes) { return set(at, bytes, true); }
  bool give(std::uint64_t at, std::uint64_t bytes) { return set(at, bytes, false); }
  // {offset, bytes} of the run of free units around `at`.
  std::pair<std::uint64_t, std::uint64_t> gap_around(std::uint64_t at) const {
    std::size_t first = at / unit, end = first;
    while (first > 0 && !used_[first - 1]) --first;
    while (end < used_.size() && !used_[end]) ++end;
    return {first * unit, (end - first) * unit};
  }
  // Does any aligned place for `bytes` exist at all?
  bool fits(std::uint64_t bytes, std::uint64_t align) const {
    std::uint64_t run = 0;
    for (std::size_t i = 0; i < used_.size(); ++i) {
      const bool may_start = i * unit % align == 0;
      run = used_[i] ? 0 : (run > 0 || may_start) ? run + unit : 0;
      if (run >= bytes) return true;
    }
    return false;
  }

 private:
  static constexpr std::uint64_t unit = 256;
  bool set(std::uint64_t at, std::uint64_t bytes, bool used) {
    for (std::uint64_t i = at / unit; i < (at + bytes + unit - 1) / unit; ++i) {
      if (i >= used_.size() || used_[i] == used) return false;
      used_[i] = used;
    }
    return true;
  }
  std::vector<bool> used_ = std::vector<bool>(arena_bytes / unit);
};

std::uint64_t rounded(std::uint64_t bytes) {
  const std::uint64_t align = bytes < page_bytes ? 256 : page_bytes;
  return (bytes + align - 1) / align * align;
}

struct Live {
  std::uint64_t at, bytes;
};

void run_against_oracle(unsigned seed) {
  std::mt19937 random(seed);
  ArenaAllocator arena(arena_bytes);
  Oracle oracle;
  std::vector<Live> live;
  std::uint64_t used = 0;
  for (int step = 0; step < 4'000; ++step) {
    if (live.empty() || random() % 100 < 55) {
      const std::uint64_t bytes = 1 + (random() % 3 == 0 ? random() % (128 << 10) : random() % 6'000);
      const std::uint64_t align = bytes < page_bytes ? 256 : page_bytes;
      const auto at = arena.allocate(bytes);
      REQUIRE(at.has_value() == oracle.fits(rounded(bytes), rounded(bytes) < page_bytes ? 256 : page_bytes));
      if (!at) continue;
      REQUIRE(*at % align == 0);
      REQUIRE(*at + bytes <= arena_bytes);
      REQUIRE(oracle.take(*at, rounded(bytes)));  // overlaps nothing that lives
      live.push_back({*at, bytes});
      used += rounded(bytes);
    } else {
      const std::size_t victim = random() % live.size();
      const auto [at, bytes] = live[victim];
      live[victim] = live.back();
      live.pop_back();
      REQUIRE(oracle.give(at, rounded(bytes)));
      REQUIRE(arena.release(at) == oracle.gap_around(at));
      used -= rounded(bytes);
    }
    REQUIRE(arena.used_bytes() == used);
  }
  for (const auto& [at, bytes] : live) arena.release(at);
  REQUIRE(arena.used_bytes() == 0);
  REQUIRE(arena.allocate(arena_bytes) == 0u);  // all gaps have grown together again
}

TEST_CASE("an arena gives nothing for no bytes, and takes back only what it gave") {
  ArenaAllocator arena(arena_bytes);
  const std::uint64_t at = arena.allocate(4096).value();
  CHECK(test::run_apart([&] { (void)arena.allocate(0); }).signal == SIGABRT);
  CHECK(test::run_apart([&] { (void)arena.release(at + 256); }).signal == SIGABRT);
  arena.release(at);
  CHECK(test::run_apart([&] { (void)arena.release(at); }).signal == SIGABRT);
}

TEST_CASE("the arena allocator agrees with a map of every byte through thousands of random steps") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    run_against_oracle(seed);
  }
}

TEST_CASE("the arena fills from the front and hands resident pages out again") {
  ArenaAllocator arena(arena_bytes);
  CHECK(arena.allocate(64 << 10) == 0u);
  CHECK(arena.allocate(64 << 10) == std::uint64_t{64 << 10});
  arena.release(0);
  CHECK(arena.allocate(64 << 10) == 0u);
}

TEST_CASE("the tightest gap is used, so large gaps stay whole") {
  ArenaAllocator arena(arena_bytes);
  const auto large = arena.allocate(256 << 10);
  (void)arena.allocate(4096);
  const auto small = arena.allocate(8192);
  (void)arena.allocate(4096);
  arena.release(*large);
  arena.release(*small);
  CHECK(arena.allocate(8192) == small);
  CHECK(arena.allocate(256 << 10) == large);
}

TEST_CASE("absurd sizes are refused") {
  ArenaAllocator arena(arena_bytes);
  for (std::uint64_t bytes : {arena_bytes + 1, std::uint64_t{1} << 62, UINT64_MAX / 2, UINT64_MAX / 2 + 1, UINT64_MAX})
    CHECK_FALSE(arena.allocate(bytes).has_value());
  CHECK(arena.used_bytes() == 0);
  CHECK(arena.allocate(arena_bytes) == 0u);
  CHECK_FALSE(arena.allocate(1).has_value());
}

TEST_CASE("an arena has room for what the limit allows, and for staging beside it") {
  for (std::uint64_t limit : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 30, std::uint64_t{1} << 40}) {
    CHECK(arena_bytes_for(limit) >= limit + (64 << 20));
    CHECK(arena_bytes_for(limit) % page_bytes == 0);
  }
}

TEST_CASE("a view admits a range only if every byte of it is inside") {
  alignas(64) std::array<std::byte, 256> memory{};
  const ArenaView view{std::span(memory)};
  CHECK(view.range(0, 256).has_value());
  CHECK(view.range(256, 0).has_value());
  CHECK(view.range(128, 128)->data() == memory.data() + 128);
  CHECK_FALSE(view.range(0, 257).has_value());
  CHECK_FALSE(view.range(257, 0).has_value());
  CHECK_FALSE(view.range(255, 2).has_value());
  CHECK_FALSE(view.range(UINT64_MAX, 1).has_value());
  CHECK_FALSE(view.range(1, UINT64_MAX).has_value());
  CHECK_FALSE(view.range(UINT64_MAX, UINT64_MAX).has_value());
  CHECK_FALSE(ArenaView().range(0, 1).has_value());
}

TEST_CASE("the arenas of a process's next sessions have homes of their own, where programs can be") {
#ifdef __SANITIZE_THREAD__  // which leaves programs less
  constexpr std::uintptr_t room = 192ull << 30, addresses_end = 1ull << 39;
#else
  constexpr std::uintptr_t room = 256ull << 30, addresses_end = 1ull << 47;
#endif
  for (std::uint64_t id = 1; id < 1000; ++id) {
    const std::uintptr_t here = arena_home(id), next = arena_home(id + 1);
    CHECK(here % page_bytes == 0);
    CHECK(here + room <= addresses_end);
    CHECK((next >= here + room || here >= next + room));
  }
}

TEST_CASE("what is used beside objects is bounded, with what rounding adds to them") {
  using Use = ArenaAllocator::Use;
  ArenaAllocator arena(1 << 20, 2 * page_bytes);
  REQUIRE(arena.allocate(64 * page_bytes, Use::object));
  const auto staged = arena.allocate(page_bytes);
  REQUIRE(staged);
  const auto rounded = arena.allocate(page_bytes + 1, Use::object);
  REQUIRE(rounded);
  CHECK_FALSE(arena.allocate(page_bytes));
  CHECK(arena.allocate(page_bytes, Use::object));
  arena.release(*rounded);
  CHECK(arena.allocate(page_bytes));
  CHECK_FALSE(arena.allocate(1));
  arena.release(*staged);
  CHECK(arena.allocate(1));
}

TEST_CASE("a slot must lie inside and on its boundary") {
  alignas(64) std::array<std::byte, 256> memory{};
  const ArenaView view{std::span(memory)};
  CHECK(reinterpret_cast<std::byte*>(view.slot<EventSlot>(64)) == memory.data() + 64);
  CHECK(view.slot<EventSlot>(192) != nullptr);
  CHECK(view.slot<EventSlot>(256) == nullptr);
  CHECK(view.slot<EventSlot>(224) == nullptr);
  CHECK(view.slot<EventSlot>(8) == nullptr);
  CHECK(view.slot<EventSlot>(UINT64_MAX - 63) == nullptr);
  CHECK(view.slot<EventSlot>(UINT64_MAX) == nullptr);
}

}  // namespace
}  // namespace sluice::wire
