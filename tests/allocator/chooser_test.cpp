#include "allocator/chooser.h"

#include "tests/allocator/random_pool.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;

namespace {

// Lets requests come and go, and compares each decision with the scan's.
void compare(Draw& draw, const Policy& policy, Chooser::Settings settings, int steps) {
  Pool pool(test::random_nodes(draw, 30, true));
  const DemandForecast forecast = test::random_forecast(draw, pool, true);
  std::vector<Request> kinds;
  for (int i = 0; i < 12; ++i) kinds.push_back(test::random_request(draw, true));
  Chooser chooser(pool, policy, settings);
  SliceId next = 0, oldest = 0;
  for (int step = 0; step < steps; ++step) {
    Request request = kinds[draw.below(kinds.size())];
    request.tenant = draw.below(5);
    if (draw.one_in(3)) request.host_memory_bytes = draw.below(200) << 30;
    const std::uint64_t random = draw.next();
    const auto site = chooser.choose(request, forecast, random);
    REQUIRE(site == choose_by_scan(pool, policy, request, forecast, random));
    if (site) REQUIRE(pool.place(next++, request, *site).ok());
    if (!site || draw.one_in(3))
      for (int gone = 0; gone < 3 && oldest < next; ++gone) REQUIRE(pool.release(oldest++).ok());
    if (draw.one_in(50)) REQUIRE(pool.set_health(static_cast<NodeIndex>(draw.below(30)), 0, draw.one_in(2)).ok());
  }
}

}  // namespace

TEST_CASE("a chooser that remembers decides as one that looks at every node, for every policy") {
  for (const Policy& policy : policies()) {
    INFO(policy.name);
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      Draw draw(seed);
      compare(draw, policy, {}, 400);
    }
  }
}

TEST_CASE("a chooser that remembers few shapes decides the same") {
  Draw draw(3);
  compare(draw, default_policy(), {2, 16}, 500);
}

TEST_CASE("a chooser that may look at little gives what fits, and refuses only what fits nowhere") {
  Chooser::Settings little;
  little.forecast_nodes_max = little.changed_nodes_max = little.renewed_nodes_max = 1;
  little.first_nodes_max = little.looks_max = 2;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Draw draw(seed);
    Pool pool(test::random_nodes(draw, 40, true));
    const DemandForecast forecast = test::random_forecast(draw, pool, true);
    std::vector<Request> kinds;
    for (int i = 0; i < 12; ++i) kinds.push_back(test::random_request(draw, true));
    Chooser chooser(pool, default_policy(), little);
    SliceId next = 0, oldest = 0;
    for (int step = 0; step < 400; ++step) {
      Request request = kinds[draw.below(kinds.size())];
      if (draw.one_in(3)) request.host_memory_bytes = draw.below(200) << 30;
      const auto site = chooser.choose(request, forecast, 0);
      REQUIRE(site.has_value() == choose_by_scan(pool, default_policy(), request, forecast, 0).has_value());
      if (site) REQUIRE(pool.place(next++, request, *site).ok());
      if (!site || draw.one_in(3))
        for (int gone = 0; gone < 3 && oldest < next; ++gone) REQUIRE(pool.release(oldest++).ok());
    }
  }
}

TEST_CASE("the one node with enough host memory is found behind any number of better ones") {
  constexpr std::uint64_t gib = 1ull << 30;
  std::vector<NodeSpec> nodes(20, {"small", 0, 8'000, 8 * gib, std::vector<DeviceSpec>(1)});
  nodes.back().host_memory_bytes = 64 * gib;
  Pool pool(nodes);
  Chooser::Settings little;
  little.looks_max = 2;
  Chooser chooser(pool, *find_policy("first-fit"), little);
  Request request;
  request.gpu.value = 600;
  request.memory_parts = 0;
  request.host_memory_bytes = 16 * gib;
  CHECK(chooser.choose(request, {}, 0) == Site{19, 1});
  // Nobody has room for it; then somebody has room for one that wants less.
  for (SliceId id = 0; id < 20; ++id) REQUIRE(pool.place(id, Request{MilliGpu{600}, 0, 0}, {NodeIndex(id), 1}).ok());
  CHECK_FALSE(chooser.choose(request, {}, 0));
  REQUIRE(pool.release(5).ok());
  CHECK_FALSE(chooser.choose(request, {}, 0));
  request.host_memory_bytes = 4 * gib;
  CHECK(chooser.choose(request, {}, 0) == Site{5, 1});
}

TEST_CASE("what was put off reaches the choice after some decisions") {
  Draw draw(4);
  Pool pool(test::random_nodes(draw, 40, false));
  const DemandForecast forecast = test::random_forecast(draw, pool, false);
  test::fill_half(draw, pool, false);
  Request request;
  request.gpu.value = 300;
  request.memory_parts = 0;
  Chooser::Settings little;
  little.first_nodes_max = little.changed_nodes_max = 4;
  Chooser chooser(pool, default_policy(), little);
  for (int i = 0; i < 10; ++i) (void)chooser.choose(request, forecast, 0);
  CHECK(chooser.choose(request, forecast, 0) == choose_by_scan(pool, default_policy(), request, forecast, 0));
}

TEST_CASE("a shape not asked for until the change log has forgotten is decided the same") {
  Draw draw(5);
  Pool pool(test::random_nodes(draw, 8, false));
  const DemandForecast forecast = test::random_forecast(draw, pool, false);
  Request request;
  request.gpu.value = 400;
  request.memory_parts = 0;
  Chooser chooser(pool, default_policy());
  CHECK(chooser.choose(request, forecast, 0) == choose_by_scan(pool, default_policy(), request, forecast, 0));
  test::fill_half(draw, pool, false);
  for (SliceId id = 1; pool.changes().begin() == 0; ++id) {
    Request small;
    small.gpu.value = 1;
    small.memory_parts = 0;
    const auto site = choose_by_scan(pool, *find_policy("worst-fit"), small, forecast, 0);
    REQUIRE(site);
    REQUIRE(pool.place(id, small, *site).ok());
  }
  CHECK(chooser.choose(request, forecast, 0) == choose_by_scan(pool, default_policy(), request, forecast, 0));
}

TEST_CASE("a new forecast reaches what a chooser remembers after some decisions") {
  Draw draw(9);
  Pool pool(test::random_nodes(draw, 40, false));
  test::fill_half(draw, pool, false);
  Request request;
  request.gpu.value = 300;
  request.memory_parts = 0;
  RequestHistory history;
  history.arrived(request);
  DemandForecast forecast = history.forecast(pool);
  Chooser chooser(pool, default_policy(), {256, 4});
  REQUIRE(chooser.choose(request, forecast, 0) == choose_by_scan(pool, default_policy(), request, forecast, 0));
  for (int i = 0; i < 100; ++i) history.arrived(test::random_request(draw, false));
  forecast = history.forecast(pool);
  for (int i = 0; i < 4; ++i) (void)chooser.choose(request, forecast, 0);
  CHECK(chooser.choose(request, forecast, 0) == choose_by_scan(pool, default_policy(), request, forecast, 0));
}
