#include "allocator/explanation.h"

#include "allocator/chooser.h"
#include "tests/allocator/random_pool.h"
#include "tests/allocator/shares.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;
using test::share;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

NodeSpec node(std::string name, std::size_t devices, std::uint64_t cpu = 64'000) {
  NodeSpec spec{std::move(name), 0, cpu, 64 * gib, {}};
  spec.devices.assign(devices, {1000, 16 * gib, 0});
  return spec;
}

bool fits(const Pool& pool, const Request& request) {
  return choose_by_scan(pool, default_policy(), request, {}, 0).has_value();
}

}  // namespace

TEST_CASE("a gap that is too small is named, with what is free in total and what a move would do") {
  Pool pool({node("n1", 2), node("n2", 1)});
  SliceId id = 0;
  for (const Site& site : {Site{0, 1}, Site{0, 2}, Site{1, 1}})
    for (int i = 0; i < 9; ++i) REQUIRE(pool.place(id++, share(100, 1, gib), site).ok());
  const Request wish = share(200, 1, 4 * gib);
  Chooser chooser(pool, default_policy());
  const auto plan = Planner(pool, default_policy(), chooser).plan(wish, {}, {});
  const Explanation explanation = explain(pool, wish, plan);
  CHECK(explanation.obstacle == Obstacle::devices);
  CHECK(explanation.milli_free == 300);
  REQUIRE(explanation.nearest);
  CHECK(explanation.nearest->gpu.value == 100);
  CHECK(explanation.nearest->memory_bytes == 4 * gib);
  CHECK(explanation.reason ==
        "no device has room now for 200m and 4 GiB of memory; the nearest is device 0 of n1 with 100m and 7 GiB of "
        "memory "
        "free, where 100m and 4 GiB of memory would fit; 300m and 21 GiB of memory are free in total; one move of 100m "
        "would make room");
}

TEST_CASE("a class that the pool does not have is named") {
  const Pool pool({node("n1", 1)});
  Request wish = share(100);
  wish.classes = 1u << 1;
  const std::string names[] = {"T4", "A100"};
  const Explanation explanation = explain(pool, wish, std::nullopt, names);
  CHECK(explanation.obstacle == Obstacle::no_devices);
  CHECK(explanation.reason == "the pool has no devices of class A100");
}

TEST_CASE("what would not fit an idle pool is told from what would have to wait") {
  const Pool pool({node("n1", 2)});
  CHECK(explain(pool, share(1000, 1, 17 * gib)).obstacle == Obstacle::larger_than_any);
  const Explanation three = explain(pool, share(1000, 3));
  CHECK(three.obstacle == Obstacle::larger_than_any);
  CHECK(three.milli_free == 2000);
  CHECK(three.reason == "no 3 devices of one node with 1,000m, even if all were idle: no node has more than 2");
}

TEST_CASE("a refusal names the nearest device of a machine, and what would fit there") {
  Pool pool({{"machine", 0, 0, 0, {{1000, 8 * gib, 0}, {1000, 8 * gib, 1}}}});
  const std::string names[] = {"A100", "T4"};
  REQUIRE(pool.place(1, share(900), {0, 1}).ok());
  REQUIRE(pool.place(2, share(600, 1, 5 * gib), {0, 2}).ok());
  const Explanation now = explain(pool, share(500, 1, 4 * gib), std::nullopt, names);
  CHECK(now.obstacle == Obstacle::devices);
  CHECK(now.nearest_site == Site{0, 2});
  CHECK(now.reason ==
        "no device has room now for 500m and 4 GiB of memory; the nearest is device 1 (T4) with 400m and 3 GiB of "
        "memory free, where 400m and 3 GiB of memory would fit; 500m and 11 GiB of memory are free in total");
  const Explanation ever = explain(pool, share(500, 1, 9 * gib), std::nullopt, names);
  CHECK(ever.obstacle == Obstacle::larger_than_any);
  CHECK(ever.reason.find("no device is large enough for 500m and 9 GiB of memory; the nearest is device 1 (T4)") == 0);
  REQUIRE(ever.nearest);
  CHECK(ever.nearest->memory_bytes == 3 * gib);
}

TEST_CASE("devices that are not offered are not there for a request, whatever is on them") {
  Pool pool({{"machine", 0, 0, 0, {{1000, 8 * gib, 0, 0, even_weight, false}}}});
  CHECK(explain(pool, share(100)).obstacle == Obstacle::no_devices);
  REQUIRE(pool.place(1, share(500, 1, gib), {0, 1}, Overcommit::allow).ok());
  REQUIRE(pool.set_health(0, 0, true).ok());
  CHECK_FALSE(fits(pool, share(0)));
  CHECK(explain(pool, share(100)).reason == "the pool has no devices");
}

TEST_CASE("fewer devices are offered where a node has not so many idle") {
  Pool pool({node("n1", 4), node("n2", 4)});
  REQUIRE(pool.place(1, share(100), {0, 1}).ok());
  REQUIRE(pool.place(2, share(100), {1, 1}).ok());
  REQUIRE(pool.place(3, share(100), {1, 2}).ok());
  const Explanation explanation = explain(pool, share(1000, 4));
  CHECK(explanation.obstacle == Obstacle::devices);
  REQUIRE(explanation.nearest);
  CHECK(explanation.nearest->devices == 3);
  CHECK(explanation.nearest_site == Site{0, 0b1110});
  CHECK(explanation.reason ==
        "no 4 devices of one node with 1,000m: no node has more than 3 (n1); 7,700m free in total");
}

TEST_CASE("where the devices are free but not the CPU beside them, that is what is said") {
  Pool pool({node("n1", 2, 8'000), node("n2", 1, 4'000)});
  Request wish = share(500);
  wish.cpu_milli = 6'000;
  REQUIRE(pool.place(1, wish, {0, 1}).ok());
  const Explanation explanation = explain(pool, wish);
  CHECK(explanation.obstacle == Obstacle::node);
  REQUIRE(explanation.nearest);
  CHECK(explanation.nearest->cpu_milli == 4'000);
  CHECK(explanation.reason ==
        "no node of the 2 with room for 500m has 6,000m of CPU free: the nearest is n2 with 4,000m of CPU; 2,500m free "
        "in total");
}

TEST_CASE("an unhealthy device and the tenant's own wish are named as what stands in the way") {
  Pool pool({node("n1", 1), node("n2", 1)});
  Request wish = share(600);
  wish.tenant = 7;
  wish.affinity = Affinity::other_node;
  REQUIRE(pool.place(1, share(600), {0, 1}).ok());
  REQUIRE(pool.set_health(1, 0, false).ok());
  CHECK(explain(pool, wish).obstacle == Obstacle::health);
  REQUIRE(pool.set_health(1, 0, true).ok());
  Request small = share(100);
  small.tenant = 7;
  REQUIRE(pool.place(2, small, {1, 1}).ok());
  const Explanation explanation = explain(pool, wish);
  CHECK(explanation.obstacle == Obstacle::affinity);
  CHECK(explanation.reason.find("without a slice of the tenant's") != std::string::npos);
}

TEST_CASE("linked devices that are not free together are told from devices that are not free") {
  NodeSpec spec = node("n1", 4);
  spec.devices[2].link_group = spec.devices[3].link_group = 1;
  Pool pool({spec});
  REQUIRE(pool.place(1, share(100), {0, 1}).ok());
  Request wish = share(1000, 3);
  CHECK(fits(pool, wish));
  wish.linked = true;
  CHECK(explain(pool, wish).reason ==
        "no 3 linked devices of one node with 1,000m, even if all were idle: no link group has more than 2");
  REQUIRE(pool.place(2, share(100), {0, 8}).ok());
  wish.devices = 2;
  CHECK(explain(pool, wish).reason ==
        "no 2 linked devices of one node with 1,000m: no link group has more than 1 (n1); 3,800m free in total");
}

TEST_CASE("of a request that may be spread it is said how many of its devices there are") {
  Pool pool({node("n1", 2), node("n2", 2), node("n3", 1)});
  REQUIRE(pool.place(1, share(100), {0, 1}).ok());
  REQUIRE(pool.place(2, share(100), {2, 1}).ok());
  Request wish = share(1000, 5);
  wish.spreadable = true;
  const Explanation explanation = explain(pool, wish);
  CHECK(explanation.obstacle == Obstacle::devices);
  CHECK(explanation.reason == "no 5 devices with 1,000m, of however many nodes: there are 3; 4,800m free in total");
  REQUIRE(explanation.nearest);
  CHECK(explanation.nearest->devices == 3);
  CHECK_FALSE(explanation.nearest_site);
  wish.devices = 6;
  CHECK(explain(pool, wish).obstacle == Obstacle::larger_than_any);
}

TEST_CASE("what is offered instead fits there at that moment, and is no more than was asked for") {
  std::size_t offered = 0, by_obstacle[6] = {};
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Draw draw(seed);
    const std::vector<NodeSpec> nodes = test::random_nodes(draw, 6, true);
    Pool pool(nodes);
    for (SliceId id = 0; id < 120; ++id) {
      const Request request = test::random_request(draw, true);
      (void)pool.place(id, request, test::random_site(draw, pool, request)).ok();
    }
    for (int i = 0; i < 20; ++i) {
      const Request wish = test::random_request(draw, true);
      if (fits(pool, wish)) continue;
      const Explanation explanation = explain(pool, wish);
      INFO(seed << ": " << explanation.reason);
      ++by_obstacle[static_cast<std::size_t>(explanation.obstacle)];
      const bool never = !fits(Pool(nodes), wish) && wish.affinity == Affinity::none;
      const bool said_never =
          explanation.obstacle == Obstacle::larger_than_any || explanation.obstacle == Obstacle::no_devices;
      CHECK((!never || said_never));
      CHECK((!said_never || !fits(Pool(nodes), wish)));
      if (!explanation.nearest) continue;
      ++offered;
      const Request& instead = *explanation.nearest;
      CHECK(instead.gpu <= wish.gpu);
      CHECK(instead.devices <= wish.devices);
      CHECK(instead.cpu_milli <= wish.cpu_milli);
      CHECK(instead.host_memory_bytes <= wish.host_memory_bytes);
      CHECK(pool.place(1000, instead, *explanation.nearest_site).ok());
      (void)pool.release(1000).ok();
    }
  }
  CHECK(offered > 200);
  INFO(by_obstacle[0] << " " << by_obstacle[1] << " " << by_obstacle[2] << " " << by_obstacle[3] << " "
                      << by_obstacle[4] << " " << by_obstacle[5]);
  CHECK(by_obstacle[2] > 50);
  CHECK(by_obstacle[3] > 20);
}
