#include "allocator/policy.h"

#include "allocator/chooser.h"
#include "tests/allocator/random_pool.h"

using namespace sluice;
using namespace sluice::allocator;

namespace {

Request of(std::uint32_t milli, std::uint32_t cpu_milli = 0, std::uint32_t devices = 1) {
  Request request;
  request.gpu.value = milli;
  request.devices = devices;
  request.memory_parts = 0;
  request.cpu_milli = cpu_milli;
  return request;
}

NodeSpec node(std::uint64_t cpu_milli, std::vector<std::uint8_t> classes) {
  NodeSpec spec{"n", 0, cpu_milli, 0, {}};
  for (const std::uint8_t device_class : classes) spec.devices.push_back({1000, 0, device_class});
  return spec;
}

std::optional<Site> choose(const Pool& pool, std::string_view policy, const Request& request,
                           RequestHistory history = {}) {
  const Policy* found = find_policy(policy);
  REQUIRE(found != nullptr);
  return choose_by_scan(pool, *found, request, history.forecast(pool), 1);
}

}  // namespace

TEST_CASE("every policy has a name of its own, and the default is our own") {
  for (const Policy& policy : policies()) CHECK(find_policy(policy.name) == &policy);
  CHECK(find_policy("none of them") == nullptr);
  CHECK(default_policy().name == "balance");
}

TEST_CASE("no policy finds a site where there is none") {
  Pool pool({node(8000, {0, 0}), node(8000, {0})});
  REQUIRE(pool.place(1, of(300), {0, 1}).ok());
  for (const Policy& policy : policies()) {
    CHECK_FALSE(choose(pool, policy.name, of(1000, 1000, 2)));
    CHECK_FALSE(choose(pool, policy.name, of(100, 9000)));
  }
}

TEST_CASE("best-fit fills the fuller node, worst-fit the emptier, first-fit the first") {
  Pool pool({node(8000, {0, 0}), node(8000, {0, 0})});
  REQUIRE(pool.place(1, of(300, 1000), {1, 1}).ok());
  CHECK(choose(pool, "best-fit", of(200, 1000)) == Site{1, 1});
  CHECK(choose(pool, "worst-fit", of(200, 1000)) == Site{0, 1});
  CHECK(choose(pool, "first-fit", of(200, 1000)) == Site{0, 1});
  CHECK(choose(pool, "packing", of(1000, 1000)) == Site{1, 2});
}

TEST_CASE("fragmentation gradient descent leaves whole devices to the requests that need them") {
  Pool pool({node(64'000, {0, 0})});
  REQUIRE(pool.place(1, of(500), {0, 2}).ok());
  RequestHistory history;
  for (int i = 0; i < 3; ++i) history.arrived(of(1000));
  history.arrived(of(500));
  CHECK(choose(pool, "fgd", of(500), history) == Site{0, 2});
  CHECK(choose(pool, "balance", of(500), history) == Site{0, 2});
}

TEST_CASE("balance puts what takes much CPU where CPU is left over") {
  // Both nodes fit it and neither loses a whole device to it; on the first, the rest of the CPU is too little for the
  // devices that are left.
  Pool pool({node(32'000, {0, 0, 0, 0}), node(96'000, {0, 0, 0, 0})});
  RequestHistory history;
  for (int i = 0; i < 100; ++i) history.arrived(of(1000, 8000));
  CHECK(choose(pool, "balance", of(1000, 16'000), history) == Site{1, 1});
}

TEST_CASE("balance leaves a class to the requests that insist on it") {
  Pool pool({node(32'000, {0}), node(32'000, {1})});
  REQUIRE(pool.place(1, of(100), {0, 1}).ok());
  RequestHistory history;
  history.arrived(of(400));
  Request insists = of(400);
  insists.classes = 1;
  for (int i = 0; i < 3; ++i) history.arrived(insists);
  CHECK(choose(pool, "balance", of(400), history) == Site{1, 1});
  CHECK(choose(pool, "balance", insists, history) == Site{0, 1});
}

TEST_CASE("of equal devices the weaker is taken first, and the stronger by a request that insists on it") {
  NodeSpec strong = node(32'000, {0}), weak = node(32'000, {1});
  strong.devices[0].weight_milli = 4000;
  Pool pool({strong, weak});
  RequestHistory history;
  history.arrived(of(400));
  CHECK(choose(pool, "balance", of(400), history) == Site{1, 1});
  Request insists = of(400);
  insists.classes = 1;
  CHECK(choose(pool, "balance", insists, history) == Site{0, 1});
}

TEST_CASE("several devices are of one link group where that can be had, of the smallest that is large enough") {
  NodeSpec spec = node(64'000, {0, 0, 0, 0, 0, 0});
  for (const unsigned i : {1u, 3u, 5u}) spec.devices[i].link_group = 1;
  Pool pool({spec});
  REQUIRE(pool.place(1, of(100), {0, 1u << 5}).ok());
  for (const std::string_view policy : {"balance", "fgd", "best-fit"}) {
    CHECK(choose(pool, policy, of(1000, 0, 2)) == Site{0, 0b001010});
    CHECK(choose(pool, policy, of(1000, 0, 3)) == Site{0, 0b010101});
    CHECK(choose(pool, policy, of(1000, 0, 4)) == Site{0, 0b010111});
    Request linked = of(1000, 0, 4);
    linked.linked = true;
    CHECK_FALSE(choose(pool, policy, linked));
    linked.devices = 3;
    CHECK(choose(pool, policy, linked) == Site{0, 0b010101});
  }
}

TEST_CASE("a share breaks a link group that is broken before one that is whole") {
  NodeSpec spec = node(64'000, {0, 0, 0, 0});
  spec.devices[2].link_group = spec.devices[3].link_group = 1;
  Pool pool({spec});
  REQUIRE(pool.place(1, of(1000), {0, 1u << 3}).ok());
  CHECK(choose(pool, "balance", of(300)) == Site{0, 1u << 2});
}

TEST_CASE("random goes everywhere it fits and nowhere else") {
  Pool pool({node(8000, {0, 0}), node(500, {0}), node(8000, {0})});
  std::map<std::pair<NodeIndex, DeviceMask>, int> went;
  REQUIRE(pool.place(1, of(100), {0, 1}).ok());  // or both devices of the first node would be one to it
  for (std::uint64_t draw = 0; draw < 1000; ++draw) {
    const auto site = choose_by_scan(pool, *find_policy("random"), of(300, 1000), {}, draw * 0x9E3779B97F4A7C15ull);
    REQUIRE(site);
    ++went[{site->node, site->devices}];
  }
  CHECK(went.size() == 3);
  for (const auto& [site, times] : went) CHECK(times > 150);
}
