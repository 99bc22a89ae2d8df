#include "allocator/eviction_sets.h"

#include <set>

#include "tests/allocator/random_pool.h"
#include "tests/allocator/shares.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;
using test::nodes_of;
using test::share;

namespace {

std::vector<EvictionSet> sets_for(const Pool& pool, const Request& request, std::size_t moves_max) {
  const Shape shape = shape_of(request);
  RoomIndex room(pool);
  std::size_t looks = 0;
  EvictionQuery query{shape, true, moves_max};
  query.sets_max = 10'000;
  return find_eviction_sets(pool, room, query, looks);
}

// Whether the request fits the node of the set once its slices have gone.
bool makes_room(Pool pool, const EvictionSet& set, const Request& request) {
  for (std::size_t i = 0; i < set.count; ++i)
    if (!pool.release(set.slices[i]).ok()) return false;
  return node_fits(pool.view(set.node), shape_of(request));
}

}  // namespace

TEST_CASE("the slices of a set may move, and without them the request fits") {
  std::size_t sets = 0, of_three = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Draw draw(seed);
    Pool pool(test::random_nodes(draw, 4, true));
    for (SliceId id = 1; id <= 120; ++id) {
      Request request = test::random_request(draw, true);
      request.movable = !draw.one_in(5);
      (void)pool.place(id, request, test::random_site(draw, pool, request)).ok();
    }
    for (int i = 0; i < 8; ++i) {
      const Request wish = test::random_request(draw, true);
      for (const EvictionSet& set : sets_for(pool, wish, 4)) {
        if (node_fits(pool.view(set.node), shape_of(wish))) continue;
        ++sets;
        of_three += set.count > 2;
        REQUIRE(set.moves() <= 4);
        std::uint64_t cost = 0;
        for (std::size_t n = 0; n < set.count; ++n) {
          const Slice& slice = pool.slices().at(set.slices[n]);
          REQUIRE(slice.site.node == set.node);
          REQUIRE(slice.request.movable);
          cost += move_cost_of(pool, slice);
        }
        REQUIRE(set.cost == cost);
        REQUIRE(makes_room(pool, set, wish));
      }
    }
  }
  CHECK(sets > 500);
  CHECK(of_three > 20);
}

TEST_CASE("where one slice is enough for a share, it is found") {
  std::size_t found = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Draw draw(seed);
    Pool pool(nodes_of({2, 2, 2}));
    for (SliceId id = 1; id <= 40; ++id)
      (void)pool
          .place(id, share(100 * (1 + static_cast<std::uint32_t>(draw.below(6)))),
                 {static_cast<NodeIndex>(draw.below(3)), 1ull << draw.below(2)})
          .ok();
    const Request wish = share(100 * (3 + static_cast<std::uint32_t>(draw.below(7))));
    std::set<SliceId> alone;
    for (const EvictionSet& set : sets_for(pool, wish, 2))
      if (set.count == 1) alone.insert(set.slices[0]);
    for (const auto& [id, slice] : pool.slices()) {
      if (node_fits(pool.view(slice.site.node), shape_of(wish))) continue;
      EvictionSet set;
      set.node = slice.site.node;
      set.slices[set.count++] = id;
      if (!makes_room(pool, set, wish)) continue;
      CHECK(alone.contains(id));
      ++found;
    }
  }
  CHECK(found > 50);
}

TEST_CASE("where there are more nodes than may be looked at, which ones depends on where it begins") {
  Pool pool(nodes_of({1, 1, 1, 1, 1}));
  for (NodeIndex node = 0; node < 5; ++node) REQUIRE(pool.place(node, share(400), {node, 1}).ok());
  const Shape shape = shape_of(share(1000));
  RoomIndex room(pool);
  EvictionQuery query{shape, true};
  query.nodes_max = 2;
  for (query.first = 0; query.first < 10; ++query.first) {
    std::size_t looks = 0;
    std::set<NodeIndex> nodes;
    for (const EvictionSet& set : find_eviction_sets(pool, room, query, looks)) nodes.insert(set.node);
    const auto first = static_cast<NodeIndex>(query.first % 5);
    CHECK(nodes == std::set<NodeIndex>{first, (first + 1) % 5});
  }
}
