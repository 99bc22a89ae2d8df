// best-fit-memory against its definition, written out plainly: on random books, with slices that come, go, change their
// size and exceed what there is.
#include "allocator/best_fit_memory.h"

#include <bit>

#include "allocator/chooser.h"
#include "tests/allocator/random_pool.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

// One machine's devices, unlike each other or alike, some of them not offered.
NodeSpec random_machine(Draw& draw) {
  NodeSpec machine{"machine", 0, 0, 0, {}};
  const bool alike = draw.one_in(2);
  for (std::uint64_t n = draw.below(9); n > 0; --n) {
    DeviceSpec device;
    device.gpu_milli = alike || draw.one_in(2) ? 1000 : static_cast<std::uint32_t>(draw.below(1001));
    device.memory_bytes = alike ? 16 * gib : draw.below(64) * gib + draw.below(3) * 4096;
    device.device_class = static_cast<std::uint8_t>(alike ? 0 : draw.below(3));
    device.offered = !draw.one_in(10);
    machine.devices.push_back(device);
  }
  return machine;
}

Request random_wish(Draw& draw) {
  Request request;
  request.gpu.value = draw.one_in(4) ? 0 : 50 * static_cast<std::uint32_t>(draw.below(24));
  request.memory_bytes = draw.one_in(4) ? 0 : draw.one_in(3) ? gib * (1 + draw.below(20)) : 1 + draw.below(24 * gib);
  return request;
}

// Of what a device has, in millionths, rounded up.
std::uint64_t part(std::uint64_t some, std::uint64_t all) {
  if (all == 0) return some == 0 ? 0 : 1'000'000;
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(some) * 1'000'000 + all - 1) / all);
}

// The definition: the device that keeps the least free afterwards, of equals the first.
std::optional<Site> defined(const Pool& pool, const Request& request) {
  std::optional<Site> best;
  std::uint64_t best_left = 0;
  const NodeView view = pool.view(0);
  for (unsigned i = 0; i < view.devices.size(); ++i) {
    const Device& device = view.devices[i];
    const std::uint64_t memory = memory_wanted_bytes(device.memory_total, request.memory_bytes, request.memory_parts);
    if (!device.offered || device.milli_free < request.gpu.value || device.memory_free < memory) continue;
    const std::uint64_t left = part(device.milli_free - request.gpu.value, device.milli_total) +
                               part(device.memory_free - memory, device.memory_total);
    if (best && left >= best_left) continue;
    best = Site{0, DeviceMask{1} << i};
    best_left = left;
  }
  return best;
}

void change_something(Draw& draw, Pool& pool, SliceId before) {
  const SliceId some = draw.below(before + 1);
  const auto found = pool.slices().find(some);
  if (found == pool.slices().end()) return;
  if (draw.one_in(3)) return (void)pool.release(some).ok();
  Request to = random_wish(draw);
  if (to.memory_bytes == 0) to.memory_bytes = gib;
  (void)pool.resize(some, to, draw.one_in(8) ? Overcommit::allow : Overcommit::refuse).ok();
}

}  // namespace

TEST_CASE("best-fit-memory decides on 10,000 random books as it is defined") {
  const Policy& policy = *find_policy("best-fit-memory");
  std::size_t sites = 0, refusals = 0, overcommitted = 0;
  for (std::uint64_t seed = 1; seed <= 10'000; ++seed) {
    Draw draw(seed);
    Pool pool({random_machine(draw)});
    Chooser chooser(pool, policy);
    const std::size_t devices = pool.view(0).devices.size();
    for (SliceId id = 0; id < 24; ++id) {
      const Request wish = random_wish(draw);
      const auto site = choose_by_scan(pool, policy, wish, {}, 0);
      INFO("seed " << seed << ", request " << id);
      REQUIRE(site == defined(pool, wish));
      REQUIRE(site == chooser.choose(wish, {}, 0));
      ++(site ? sites : refusals);
      if (site) REQUIRE(pool.place(id, wish, *site).ok());
      else if (devices > 0 && draw.one_in(6)) {
        const Site forced{0, DeviceMask{1} << draw.below(devices)};
        REQUIRE(pool.place(id, wish, forced, Overcommit::allow).ok());
        ++overcommitted;
      }
      if (draw.one_in(3)) change_something(draw, pool, id);
    }
  }
  CHECK(sites > 50'000);
  CHECK(refusals > 50'000);
  CHECK(overcommitted > 10'000);
}

TEST_CASE("a slice goes to the device that keeps the least free afterwards") {
  Pool pool({{"machine", 0, 0, 0, std::vector<DeviceSpec>(3, {1000, 16 * gib})}});
  Request taken;
  taken.gpu.value = 700;
  taken.memory_bytes = 11 * gib;
  REQUIRE(pool.place(1, taken, {0, 2}).ok());
  taken.gpu.value = 400;
  taken.memory_bytes = 7 * gib;
  REQUIRE(pool.place(2, taken, {0, 4}).ok());
  Request wish;
  wish.gpu.value = 250;
  wish.memory_bytes = 4 * gib;
  CHECK(choose_by_scan(pool, *find_policy("best-fit-memory"), wish, {}, 0) == Site{0, 2});
}

TEST_CASE("what is free is compared as a part of its device") {
  // 6 GiB left of 8 is more of its device than 10 GiB left of 80.
  Pool pool({{"machine", 0, 0, 0, {{1000, 8 * gib}, {1000, 80 * gib}}}});
  Request taken;
  taken.memory_bytes = 68 * gib;
  REQUIRE(pool.place(1, taken, {0, 2}).ok());
  Request wish;
  wish.memory_bytes = 2 * gib;
  CHECK(choose_by_scan(pool, *find_policy("best-fit-memory"), wish, {}, 0) == Site{0, 2});
}

TEST_CASE("the largest sizes that can be written do not overflow") {
  const std::uint64_t huge = INT64_MAX;
  Pool pool({{"machine", 0, 0, 0, {{1000, huge}, {1000, huge - 1}}}});
  Request wish;
  wish.gpu = whole_gpu;
  wish.memory_bytes = huge;
  CHECK(choose_by_scan(pool, *find_policy("best-fit-memory"), wish, {}, 0) == Site{0, 1});
  wish.memory_bytes = huge - 1;
  CHECK(choose_by_scan(pool, *find_policy("best-fit-memory"), wish, {}, 0) == Site{0, 2});
}
