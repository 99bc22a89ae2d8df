#include "allocator/pool.h"

#include "tests/allocator/random_pool.h"

using namespace sluice;
using namespace sluice::allocator;
using test::Draw;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

// What every node and device has free, as text: two pools with the same are the same to everybody.
std::string free_room(const Pool& pool) {
  std::string text = std::to_string(pool.milli_free());
  for (NodeIndex i = 0; i < pool.node_count(); ++i) {
    const NodeView view = pool.view(i);
    text += " | " + std::to_string(view.node.cpu_free) + " " + std::to_string(view.node.host_free);
    for (const Device& device : view.devices)
      text += " " + std::to_string(device.milli_free) + "/" + std::to_string(device.memory_free);
  }
  return text;
}

// What is free and what is taken are all there is, on every node and in total.
void check_sums(const Pool& pool) {
  std::uint64_t milli = 0;
  for (NodeIndex node = 0; node < pool.node_count(); ++node) {
    CHECK(adds_up(pool, node));
    for (const Device& device : pool.view(node).devices) milli += device.milli_free;
  }
  CHECK(pool.milli_free() == milli);
}

Pool two_nodes() {
  return Pool({{"a", 0, 8000, 16 * gib, {{1000, 8 * gib, 0}, {1000, 8 * gib, 1}}},
               {"b", 0, 8000, 16 * gib, {{1000, 8 * gib, 0}}}});
}

std::vector<SliceId> ids_on(const Pool& pool, NodeIndex node) {
  std::vector<SliceId> ids;
  for (const NodeSlice& on_node : pool.slices_on(node)) ids.push_back(on_node.id);
  return ids;
}

// What the nodes' lists say of each slice is what the slice says.
void check_node_slices(const Pool& pool) {
  std::size_t residents = 0;
  for (NodeIndex node = 0; node < pool.node_count(); ++node)
    for (const NodeSlice& on_node : pool.slices_on(node)) {
      ++residents;
      const Slice& slice = pool.slices().at(on_node.id);
      CHECK(slice.site == Site{node, on_node.devices});
      CHECK(pool.shapes()[on_node.shape] == shape_of(slice.request));
    }
  CHECK(residents == pool.slices().size());
}

// The slice's request with other amounts, if there is such a slice.
Request resized(Draw& draw, const Pool& pool, SliceId id) {
  const Request drawn = test::random_request(draw, true);
  const auto found = pool.slices().find(id);
  if (found == pool.slices().end()) return drawn;
  Request request = found->second.request;
  if (request.devices == 1) request.gpu = drawn.gpu;
  request.memory_bytes = drawn.memory_bytes;
  request.cpu_milli = drawn.cpu_milli;
  request.host_memory_bytes = drawn.host_memory_bytes;
  return request;
}

Request share(std::uint32_t milli, std::uint64_t memory = 0) {
  Request request;
  request.gpu.value = milli;
  request.memory_bytes = memory;
  request.memory_parts = 0;
  return request;
}

}  // namespace

TEST_CASE("whatever is asked of a pool, what is taken and what is free are all there is") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Draw draw(seed);
    Pool pool(test::random_nodes(draw, 6, true));
    for (SliceId step = 1; step <= 400; ++step) {
      const Request request = test::random_request(draw, true);
      const Site site = test::random_site(draw, pool, request);
      const SliceId some = 1 + draw.below(step);
      const std::string before = free_room(pool);
      const Overcommit overcommit = draw.one_in(8) ? Overcommit::allow : Overcommit::refuse;
      const Status status = draw.one_in(3)   ? pool.release(some)
                            : draw.one_in(4) ? pool.move(some, site)
                            : draw.one_in(4) ? pool.resize(some, resized(draw, pool, some), overcommit)
                                             : pool.place(step, request, site, overcommit);
      if (!status.ok()) CHECK(free_room(pool) == before);
      if (draw.one_in(20)) CHECK(pool.set_health(site.node, 0, draw.one_in(2)).ok());
    }
    check_sums(pool);
    check_node_slices(pool);
  }
}

TEST_CASE("a pool from which all are released is as it was when new") {
  Draw draw(7);
  const auto nodes = test::random_nodes(draw, 12, true);
  Pool pool(nodes);
  test::fill_half(draw, pool, true);
  REQUIRE(pool.slices().size() > 10);
  std::vector<SliceId> ids;
  for (const auto& [id, slice] : pool.slices()) ids.push_back(id);
  for (const SliceId id : ids) CHECK(pool.release(id).ok());
  CHECK(free_room(pool) == free_room(Pool(nodes)));
  CHECK(pool.slices_on(0).empty());
}

TEST_CASE("a pool made by replaying what was done is the same pool") {
  Draw draw(11);
  const auto nodes = test::random_nodes(draw, 40, true);
  struct Done {
    char what;
    SliceId id;
    Request request;
    Site site;
  };
  std::vector<Done> log;
  Pool pool(nodes);
  for (SliceId step = 1; step <= 1000; ++step) {
    const Request request = test::random_request(draw, true);
    const Site site = test::random_site(draw, pool, request);
    const Done done{"prm"[draw.below(3)], draw.one_in(2) ? step : 1 + draw.below(step), request, site};
    const Status status = done.what == 'p'   ? pool.place(done.id, request, site)
                          : done.what == 'r' ? pool.release(done.id)
                                             : pool.move(done.id, site);
    if (status.ok()) log.push_back(done);
  }
  REQUIRE(log.size() > 150);
  Pool replayed(nodes);
  for (const Done& done : log)
    CHECK((done.what == 'p'   ? replayed.place(done.id, done.request, done.site)
           : done.what == 'r' ? replayed.release(done.id)
                              : replayed.move(done.id, done.site))
              .ok());
  CHECK(free_room(replayed) == free_room(pool));
  for (NodeIndex node = 0; node < pool.node_count(); ++node) CHECK(ids_on(replayed, node) == ids_on(pool, node));
}

TEST_CASE("a slice that does not fit in one dimension is refused whatever room the others have") {
  Pool pool = two_nodes();
  Request cpu = share(100), host = share(100), memory = share(100, 9 * gib), other_class = share(100);
  cpu.cpu_milli = 8001;
  host.host_memory_bytes = 16 * gib + 1;
  other_class.classes = 2;
  for (const Request& request : {cpu, host, memory, other_class})
    CHECK(pool.place(1, request, {1, 1}).code() == Code::exhausted);
  CHECK(pool.place(1, other_class, {0, 2}).ok());
  CHECK(pool.place(2, share(901), {0, 2}).code() == Code::exhausted);
  CHECK(pool.place(2, share(900), {0, 2}).ok());
}

TEST_CASE("a site that makes no sense is refused as an argument, not as a lack of room") {
  Pool pool = two_nodes();
  CHECK(pool.place(1, share(100), {2, 1}).code() == Code::invalid_argument);
  CHECK(pool.place(1, share(100), {1, 2}).code() == Code::invalid_argument);
  CHECK(pool.place(1, share(100), {0, 3}).code() == Code::invalid_argument);
  CHECK(pool.place(1, share(100), {0, 0}).code() == Code::invalid_argument);
  CHECK(pool.place(1, share(100), {0, 1}).ok());
  CHECK(pool.place(1, share(100), {0, 1}).code() == Code::invalid_argument);
  CHECK(pool.release(2).code() == Code::not_found);
  CHECK(pool.move(2, {0, 1}).code() == Code::not_found);
}

TEST_CASE("a moving slice is in both places for a while, so its old room does not count for the new") {
  Pool pool = two_nodes();
  REQUIRE(pool.place(1, share(600), {0, 1}).ok());
  CHECK(pool.move(1, {0, 1}).code() == Code::exhausted);
  CHECK(pool.move(1, {0, 2}).ok());
  CHECK(pool.view(0).devices[0].milli_free == 1000);
  CHECK(pool.view(0).devices[1].milli_free == 400);
}

TEST_CASE("an unhealthy device takes nothing more and gives back what it has") {
  Pool pool = two_nodes();
  REQUIRE(pool.place(1, share(600), {1, 1}).ok());
  REQUIRE(pool.set_health(1, 0, false).ok());
  CHECK(pool.place(2, share(100), {1, 1}).code() == Code::exhausted);
  CHECK(pool.release(1).ok());
  CHECK(pool.set_health(1, 0, true).ok());
  CHECK(pool.place(2, share(1000), {1, 1}).ok());
}

TEST_CASE("a slice changes its size where it is, if what it takes more is free there") {
  Pool pool = two_nodes();
  REQUIRE(pool.place(1, share(400, 3 * gib), {0, 1}).ok());
  REQUIRE(pool.place(2, share(400, 3 * gib), {0, 1}).ok());
  CHECK(pool.resize(1, share(600, 5 * gib)).ok());
  CHECK(pool.view(0).devices[0].milli_free == 0);
  CHECK(pool.view(0).devices[0].memory_free == 0);
  CHECK(pool.resize(1, share(601, gib)).code() == Code::exhausted);
  CHECK(pool.resize(1, share(100, 5 * gib + 1)).code() == Code::exhausted);
  CHECK(pool.resize(1, share(100, gib)).ok());
  CHECK(pool.resize(2, share(900, 7 * gib)).ok());
  CHECK(pool.resize(3, share(1)).code() == Code::not_found);
  check_sums(pool);
  check_node_slices(pool);
}

TEST_CASE("a size is all that can change where a slice is") {
  Pool pool = two_nodes();
  REQUIRE(pool.place(1, share(400), {0, 1}).ok());
  Request two = share(400), of_a_class = share(300), of_a_tenant = share(300);
  two.devices = 2;
  of_a_class.classes = 1;
  of_a_tenant.tenant = 9;
  for (const Request& other : {two, of_a_class, of_a_tenant})
    CHECK(pool.resize(1, other).code() == Code::invalid_argument);
  CHECK(pool.view(0).devices[0].milli_free == 600);
}

TEST_CASE("on an unhealthy device a slice may shrink, and not grow") {
  Pool pool = two_nodes();
  REQUIRE(pool.place(1, share(400, gib), {0, 1}).ok());
  REQUIRE(pool.set_health(0, 0, false).ok());
  CHECK(pool.resize(1, share(401, gib)).code() == Code::exhausted);
  CHECK(pool.resize(1, share(300, gib)).ok());
}

TEST_CASE("what is promised beyond what there is must be given back before anything is free again") {
  Pool pool = two_nodes();
  REQUIRE(pool.place(1, share(900, 6 * gib), {0, 1}).ok());
  CHECK(pool.place(2, share(900, 6 * gib), {0, 1}).code() == Code::exhausted);
  REQUIRE(pool.place(2, share(900, 6 * gib), {0, 1}, Overcommit::allow).ok());
  REQUIRE(pool.resize(2, share(1000, 7 * gib), Overcommit::allow).ok());
  const Device& device = pool.view(0).devices[0];
  CHECK(device.milli_free == 0);
  CHECK(device.memory_free == 0);
  CHECK(pool.milli_free() == 2000);
  CHECK(pool.resize(1, share(901, gib)).code() == Code::exhausted);
  CHECK(pool.resize(1, share(500, gib)).ok());
  CHECK(device.milli_free == 0);
  CHECK(device.memory_free == 0);
  CHECK(pool.release(2).ok());
  CHECK(device.milli_free == 500);
  CHECK(device.memory_free == 7 * gib);
  CHECK(pool.milli_free() == 2500);
  CHECK(pool.place(3, share(100), {4, 1}, Overcommit::allow).code() == Code::invalid_argument);
  CHECK(pool.place(3, share(100), {1, 2}, Overcommit::allow).code() == Code::invalid_argument);
}

TEST_CASE("affinity keeps a tenant's slices together or apart, and looks at no other tenant's") {
  Pool pool = two_nodes();
  const auto wish = [](std::uint64_t tenant, Affinity affinity) {
    Request request = share(100);
    request.tenant = tenant;
    request.affinity = affinity;
    return request;
  };
  REQUIRE(pool.place(1, wish(7, Affinity::same_node), {0, 1}).ok());
  CHECK(pool.place(2, wish(7, Affinity::same_node), {1, 1}).code() == Code::exhausted);
  CHECK(pool.place(2, wish(7, Affinity::other_node), {0, 2}).code() == Code::exhausted);
  CHECK(pool.place(2, wish(7, Affinity::other_device), {0, 1}).code() == Code::exhausted);
  CHECK(pool.place(2, wish(8, Affinity::other_node), {0, 1}).ok());
  CHECK(pool.place(3, wish(7, Affinity::other_device), {0, 2}).ok());
  CHECK(pool.place(4, wish(7, Affinity::other_node), {1, 1}).ok());
  // A slice that moves does not stand in its own way.
  CHECK(pool.release(3).ok());
  CHECK(pool.release(4).ok());
  CHECK(pool.move(1, {1, 1}).ok());
}

TEST_CASE("a pool's changes name every node that changed, and old ones are forgotten") {
  Pool pool = two_nodes();
  CHECK(pool.changes().end() == 0);
  for (SliceId id = 0; id < 4; ++id) REQUIRE(pool.place(id, share(100), {static_cast<NodeIndex>(id % 2), 1}).ok());
  REQUIRE(pool.changes().end() == 4);
  CHECK(pool.changes()[2] == 0);
  CHECK(pool.changes()[3] == 1);
  for (int i = 0; i < 3000; ++i) REQUIRE(pool.move(0, {0, i % 2 == 0 ? 2ull : 1ull}).ok());
  CHECK(pool.changes().end() == 6004);
  CHECK(pool.changes().begin() > 3000);
  CHECK(pool.changes()[pool.changes().begin()] == 0);
}

TEST_CASE("what wants linked devices is not placed on devices of two link groups") {
  Pool pool({{"a", 0, 8000, 0, {{1000, 0, 0, 0}, {1000, 0, 0, 1}, {1000, 0, 0, 1}}}});
  Request linked = share(1000);
  linked.devices = 2;
  linked.linked = true;
  CHECK(pool.place(1, linked, {0, 0b011}).code() == Code::exhausted);
  CHECK(pool.place(1, linked, {0, 0b110}).ok());
  CHECK_FALSE(node_fits(pool.view(0), shape_of(linked)));
  CHECK(linked_devices(pool.view(0), 0b111, 2) == 0b110);
  CHECK(linked_devices(pool.view(0), 0b011, 2) == 0);
}

TEST_CASE("moving costs the time that a program is stopped and its bytes, as dear as its priority") {
  Pool pool = two_nodes();
  Request request = share(100, gib);
  REQUIRE(pool.place(1, request, {0, 1}).ok());
  CHECK(move_cost_of(pool, pool.slices().at(1)) == stop_mib + 1024);
  request.priority = 3;
  request.devices = 2;
  REQUIRE(pool.place(2, request, {0, 3}).ok());
  CHECK(pool.slices_on(0)[1].move_cost == 3 * (stop_mib + 2048));
}

TEST_CASE("a move that was tried and taken back leaves the pool as it was, and the versions of its nodes") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Draw draw(seed);
    Pool pool(test::random_nodes(draw, 6, true));
    test::fill_half(draw, pool, true);
    std::vector<SliceId> ids;
    for (const auto& [id, slice] : pool.slices()) ids.push_back(id);
    const auto versions = [&] {
      std::vector<std::uint64_t> all;
      for (NodeIndex node = 0; node < pool.node_count(); ++node) all.push_back(pool.view(node).node.version);
      return all;
    };
    const std::string room = free_room(pool);
    const std::vector<std::uint64_t> before = versions();
    const std::uint64_t lasting = pool.changes().lasting();
    std::size_t tried = 0;
    for (int i = 0; i < 200; ++i) {
      const SliceId id = ids[draw.below(ids.size())];
      tried += pool.try_move(id, test::random_site(draw, pool, pool.slices().at(id).request)).ok();
    }
    REQUIRE(tried > 0);
    CHECK(free_room(pool) != room);
    for (; tried > 0; --tried) pool.undo_move();
    CHECK(free_room(pool) == room);
    CHECK(versions() == before);
    CHECK(pool.changes().lasting() == lasting);
    check_sums(pool);
    check_node_slices(pool);
  }
}
