#include "allocator/spread.h"

#include <bit>
#include <set>

#include "tests/allocator/random_pool.h"
#include "tests/allocator/shares.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;
using test::nodes_of;
using test::share;

namespace {

Request spreadable(std::uint32_t milli, std::uint32_t devices) {
  Request request = share(milli, devices);
  request.spreadable = true;
  return request;
}

}  // namespace

TEST_CASE("what one node has room for is one slice, though it might be spread") {
  Pool pool(nodes_of({1, 4}));
  Chooser chooser(pool, default_policy());
  const auto parts = place_parts(pool, chooser, spreadable(1000, 3), {}, 0, 7);
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].id == 7);
  CHECK(parts[0].site.node == 1);
  CHECK(pool.slices().size() == 1);
}

TEST_CASE("what no node has room for goes to as few as can be, the largest part first") {
  Pool pool(nodes_of({1, 2, 3, 1}));
  Chooser chooser(pool, default_policy());
  CHECK(place_parts(pool, chooser, share(1000, 5), {}, 0, 1).empty());
  const auto parts = place_parts(pool, chooser, spreadable(1000, 5), {}, 0, 1);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].site == Site{2, 0b111});
  CHECK(parts[1].site == Site{1, 0b11});
  CHECK(parts[1].id == 2);
}

TEST_CASE("what does not fit even in parts leaves the pool as it was") {
  Pool pool(nodes_of({1, 2}));
  Chooser chooser(pool, default_policy());
  CHECK(place_parts(pool, chooser, spreadable(1000, 4), {}, 0, 1).empty());
  CHECK(pool.slices().empty());
  CHECK(pool.milli_free() == 3000);
}

TEST_CASE("a request for more devices than can be counted is refused") {
  Pool pool(nodes_of({1, 2}));
  Chooser chooser(pool, default_policy());
  CHECK(place_parts(pool, chooser, spreadable(100, 4'000'000'000), {}, 0, 1).empty());
  CHECK(pool.milli_free() == 3000);
}

TEST_CASE("the parts of a spread request have different devices, and together what was asked for") {
  std::size_t spread = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Draw draw(seed);
    Pool pool(test::random_nodes(draw, 6, true));
    test::fill_half(draw, pool, true);
    const std::uint64_t free_before = pool.milli_free();
    Chooser chooser(pool, default_policy());
    Request request = test::random_request(draw, true);
    request.devices = 2 + static_cast<std::uint32_t>(draw.below(8));
    request.spreadable = true;
    const auto parts = place_parts(pool, chooser, request, test::random_forecast(draw, pool, true), 0, 1);
    spread += parts.size() > 1;
    if (parts.empty()) {
      CHECK(pool.milli_free() == free_before);
      continue;
    }
    std::uint64_t cpu = 0, host = 0, devices = 0;
    std::set<NodeIndex> nodes;
    for (const Part& part : parts) {
      CHECK(pool.slices().at(part.id).site == part.site);
      CHECK_FALSE(part.request.spreadable);
      CHECK(nodes.insert(part.site.node).second);
      cpu += part.request.cpu_milli;
      host += part.request.host_memory_bytes;
      devices += part.request.devices;
    }
    CHECK(cpu == request.cpu_milli);
    CHECK(host == request.host_memory_bytes);
    CHECK(devices == request.devices);
    CHECK(free_before - pool.milli_free() == std::uint64_t{request.gpu.value} * request.devices);
  }
  CHECK(spread > 20);
}
