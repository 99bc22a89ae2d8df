#include "allocator/room_index.h"

#include "tests/allocator/random_pool.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;

TEST_CASE("whether a slice has room elsewhere is what a look at every node says, whatever happened in between") {
  std::size_t yes = 0, no = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Draw draw(seed);
    Pool pool(test::random_nodes(draw, 5, true));
    RoomIndex room(pool);
    for (SliceId id = 1; id <= 300; ++id) {
      const Request request = test::random_request(draw, true);
      const Site site = test::random_site(draw, pool, request);
      if (draw.one_in(4)) (void)pool.release(1 + draw.below(id)).ok();
      else if (draw.one_in(4)) (void)pool.move(1 + draw.below(id), site).ok();
      else if (draw.one_in(8)) (void)pool.set_health(site.node, 0, draw.one_in(2)).ok();
      else (void)pool.place(id, request, site).ok();
      if (!draw.one_in(3)) continue;
      const auto here = static_cast<NodeIndex>(draw.below(pool.node_count()));
      for (const NodeSlice& on_node : pool.slices_on(here)) {
        bool fits = false;
        for (NodeIndex node = 0; node < pool.node_count(); ++node)
          fits = fits || (node != here && node_fits(pool.view(node), pool.shapes()[on_node.shape]));
        REQUIRE(room.elsewhere(on_node.shape, here) == fits);
        ++(fits ? yes : no);
      }
    }
  }
  CHECK(yes > 1000);
  CHECK(no > 1000);
}
