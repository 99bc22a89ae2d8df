#include "allocator/resize_check.h"

#include "tests/allocator/random_pool.h"
#include "tests/allocator/shares.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;
using test::share;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

Pool machine() { return Pool({{"machine", 0, 0, 0, {{1000, 8 * gib, 0}, {1000, 8 * gib, 1}}}}); }

}  // namespace

TEST_CASE("slices may grow together into what others give up") {
  Pool pool = machine();
  REQUIRE(pool.place(1, share(500, 1, 4 * gib), {0, 1}).ok());
  REQUIRE(pool.place(2, share(500, 1, 4 * gib), {0, 1}).ok());
  const Resize grow{1, share(700, 1, 5 * gib)}, shrink{2, share(300, 1, 3 * gib)};
  CHECK(check_resizes(pool, {&grow, 1}));
  CHECK_FALSE(check_resizes(pool, std::vector{grow, shrink}));
  CHECK_FALSE(check_resizes(pool, {&shrink, 1}));
}

TEST_CASE("a resize that has no room names the device, what is missing and what is free") {
  Pool pool = machine();
  REQUIRE(pool.place(1, share(500, 1, 4 * gib), {0, 2}).ok());
  REQUIRE(pool.place(2, share(400, 1, gib), {0, 2}).ok());
  const std::vector<std::string> names{"A100", "T4"};
  const Resize memory{1, share(500, 1, 8 * gib)}, compute{2, share(501, 1, gib)};
  const auto refusal = check_resizes(pool, {&memory, 1}, names);
  REQUIRE(refusal);
  CHECK(refusal->slice == 1);
  CHECK(refusal->reason == "device 1 (T4), which has no room for 4 GiB more: 100m and 3 GiB of memory are free there");
  CHECK(check_resizes(pool, {&compute, 1}, names)->reason.find("no room for 101m more") != std::string::npos);
}

TEST_CASE("on a device that is not offered a slice may shrink and not grow") {
  Pool pool({{"machine", 0, 0, 0, {{1000, 8 * gib, 0, 0, even_weight, false}}}});
  REQUIRE(pool.place(1, share(500, 1, gib), {0, 1}, Overcommit::allow).ok());
  const Resize grow{1, share(501, 1, gib)}, shrink{1, share(400, 1, gib / 2)};
  CHECK(check_resizes(pool, {&grow, 1}));
  CHECK_FALSE(check_resizes(pool, {&shrink, 1}));
}

TEST_CASE("of one slice the check says what the pool does") {
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Draw draw(seed);
    Pool pool = machine();
    for (SliceId id = 0; id < 8; ++id)
      (void)pool
          .place(id, share(static_cast<std::uint32_t>(draw.below(400)), 1, gib * draw.below(4)), {0, 1 + draw.below(2)},
                 draw.one_in(5) ? Overcommit::allow : Overcommit::refuse)
          .ok();
    for (SliceId id = 0; id < 8; ++id) {
      if (!pool.slices().contains(id)) continue;
      const Resize resize{id, share(static_cast<std::uint32_t>(draw.below(500)), 1, gib * draw.below(5))};
      const bool may = !check_resizes(pool, {&resize, 1});
      CHECK(may == pool.resize(id, resize.to).ok());
      refused += !may;
    }
  }
  CHECK(refused > 100);
}
