#include "allocator/fragmentation.h"

#include "allocator/policy.h"
#include "tests/allocator/random_pool.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;

namespace {

// As the header defines it, one request and one device at a time.
std::uint64_t by_definition(const NodeView& view, const DemandForecast& forecast) {
  std::uint64_t all = 0, sum = 0;
  for (const Device& device : view.devices)
    if (device.healthy) all += device.milli_free;
  for (const TypicalRequest& typical : forecast.typical) {
    std::uint64_t too_full = 0;
    for (const Device& device : view.devices)
      if (device.healthy && !device_fits(device, typical.shape)) too_full += device.milli_free;
    const bool usable = typical.shape.devices > 0 && node_fits(view, typical.shape);
    sum += typical.parts * (usable ? too_full : all);
  }
  return sum;
}

Request whole_or_share(std::uint32_t milli, std::uint32_t cpu_milli) {
  Request request;
  request.gpu.value = milli;
  request.memory_parts = 0;
  request.cpu_milli = cpu_milli;
  return request;
}

}  // namespace

TEST_CASE("what half of the requests cannot use counts half") {
  Pool pool({{"a", 0, 8000, 0, {{1000, 0, 0}, {1000, 0, 0}}}});
  RequestHistory history;
  history.arrived(whole_or_share(1000, 4000));
  history.arrived(whole_or_share(300, 1000));
  const DemandForecast forecast = history.forecast(pool);
  CHECK(Fragmentation(pool.view(0), forecast).now() == 0);
  // 400 are left of one device: of no use to the first kind.
  REQUIRE(pool.place(1, whole_or_share(600, 1000), {0, 1}).ok());
  CHECK(Fragmentation(pool.view(0), forecast).now() == 400ull * DemandForecast::whole / 2);
  // And 3 CPUs are left: nothing of the node is.
  REQUIRE(pool.place(2, whole_or_share(0, 4000), {0, 2}).ok());
  CHECK(Fragmentation(pool.view(0), forecast).now() == 1400ull * DemandForecast::whole / 2);
}

TEST_CASE("fragmentation counted many requests at a time is what its definition says, now and after any placement") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const bool memory = seed % 2 == 0;
    Draw draw(seed);
    Pool pool(test::random_nodes(draw, 5, memory));
    test::fill_half(draw, pool, memory);
    REQUIRE(pool.set_health(static_cast<NodeIndex>(draw.below(5)), 0, false).ok());
    const DemandForecast forecast = test::random_forecast(draw, pool, memory);
    for (int i = 0; i < 40; ++i) {
      Request request = test::random_request(draw, memory);
      request.affinity = Affinity::none;
      const Site site = test::random_site(draw, pool, request);
      const Fragmentation before(pool.view(site.node), forecast);
      REQUIRE(before.now() == by_definition(pool.view(site.node), forecast));
      const NodeView view = pool.view(site.node);
      if (!node_fits(view, shape_of(request)) || !pool.place(1, request, site).ok()) continue;
      const std::uint64_t expected = by_definition(pool.view(site.node), forecast);
      CHECK_FALSE(before.holds_for(pool.view(site.node), forecast));
      REQUIRE(pool.release(1).ok());
      CHECK(Fragmentation(pool.view(site.node), forecast).after(shape_of(request), site.devices) == expected);
    }
  }
}
