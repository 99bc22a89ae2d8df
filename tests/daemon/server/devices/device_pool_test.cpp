#include "daemon/server/devices/device_pool.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::server;

namespace {

constexpr std::uint64_t mib = 1ull << 20, gib = 1ull << 30;

wire::DeviceTraits card(const std::string& name, std::uint64_t memory, bool on_host = false) {
  wire::DeviceTraits traits;
  traits.name = name;
  traits.global_memory_bytes = memory;
  traits.buffers_in_arena = on_host;
  return traits;
}

std::vector<FoundDevice> found(std::vector<wire::DeviceTraits> traits) {
  return split_into_cards(std::move(traits), {}, {}).take();
}

DeviceRule rule(const std::string& name) {
  DeviceRule rule;
  rule.name = name;
  rule.where = "sluiced.toml:1";
  return rule;
}

}  // namespace

TEST_CASE("a card offers all of its own memory and compute") {
  const DevicePool pool(found({card("A100", 40 * gib)}), {}, 16 * gib);
  CHECK(pool.devices()[0].memory_offered_bytes == 40 * gib);
  CHECK(pool.devices()[0].gpu_offered == whole_gpu);
}

TEST_CASE("devices on host memory share three quarters of it") {
  const DevicePool one(found({card("cpu", 30 * gib, true)}), {}, 32 * gib);
  CHECK(one.devices()[0].memory_offered_bytes == 24 * gib);
  const DevicePool two(found({card("cpu", 30 * gib, true), card("basic", 30 * gib, true), card("A100", 40 * gib)}), {},
                       32 * gib);
  CHECK(two.devices()[0].memory_offered_bytes == 12 * gib);
  CHECK(two.devices()[1].memory_offered_bytes == 12 * gib);
  CHECK(two.devices()[2].memory_offered_bytes == 40 * gib);
}

TEST_CASE("a rule's memory is offered as it is written, with a warning if the device has less") {
  DeviceRule written = rule("cpu");
  written.memory_bytes = 31 * gib;
  const DevicePool pool(found({card("cpu", 30 * gib, true)}), {written}, 32 * gib);
  CHECK(pool.devices()[0].memory_offered_bytes == 31 * gib);
  REQUIRE(pool.warnings().size() == 1);
  CHECK_THAT(pool.warnings()[0], Catch::StartsWith("sluiced.toml:1: offers 31 GiB of 'cpu'"));
}

TEST_CASE("rules match by pattern or by index, the last one counts, key by key") {
  DeviceRule none = rule("*");
  none.enabled = false;
  DeviceRule second;
  second.index = 1;
  second.enabled = true;
  DeviceRule half;
  half.index = 1;
  half.gpu = MilliGpu{500};
  const DevicePool pool(found({card("Tesla T4", gib), card("tesla A2", gib)}), {none, second, half}, gib);
  CHECK_FALSE(pool.devices()[0].enabled);
  CHECK(pool.devices()[1].enabled);
  CHECK(pool.devices()[1].gpu_offered == MilliGpu{500});
  const auto devices = pool.pool().view(0).devices;
  CHECK_FALSE(devices[0].offered);
  CHECK(devices[0].milli_free == 0);
  CHECK(devices[1].milli_free == 500);
}

TEST_CASE("a rule that matches nothing is warned of") {
  const DevicePool pool(found({card("cpu", gib)}), {rule("Tesla*")}, gib);
  REQUIRE(pool.warnings().size() == 1);
  CHECK_THAT(pool.warnings()[0], Catch::Contains("matches none of the 1 devices"));
}

TEST_CASE("what is promised may exceed the offer, and is told as it is") {
  DevicePool pool(found({card("A100", 4 * gib)}), {}, gib);
  allocator::Request request;
  request.gpu = MilliGpu{900};
  request.memory_bytes = 3 * gib;
  REQUIRE(pool.pool().place(1, request, site_on(0), allocator::Overcommit::allow).ok());
  REQUIRE(pool.pool().place(2, request, site_on(0), allocator::Overcommit::allow).ok());
  CHECK(pool.promised(0).gpu == MilliGpu{1800});
  CHECK(pool.promised(0).memory_bytes == 6 * gib);
  CHECK(pool.pool().view(0).devices[0].memory_free == 0);
  REQUIRE(pool.pool().release(1).ok());
  CHECK(pool.promised(0).gpu == MilliGpu{900});
  CHECK(pool.pool().view(0).devices[0].memory_free == gib);
}

TEST_CASE("the books of a pool stay where they are when the pool is moved") {
  DevicePool pool;
  pool = DevicePool(found({card("A100", 4 * gib), card("T4", gib), card("A100", 4 * gib)}), {}, gib);
  CHECK(pool.class_names() == std::vector<std::string>{"A100", "T4"});
  allocator::Request request;
  request.memory_bytes = gib;
  CHECK(pool.placer().choose(request, 0) == site_on(1));
}

TEST_CASE("each card of a device is a device of the pool, in the class and with a part of the memory") {
  wire::DeviceTraits cpu = card("cpu", 30 * gib, true);
  DeviceRule split = rule("cpu");
  split.cards = 2;
  split.gpu = MilliGpu{500};
  auto cards = split_into_cards({cpu, card("A100", 40 * gib)}, {&split, 1}, CpuSet::parse("0-3").value());
  const DevicePool pool(cards.take(), {split}, 32 * gib);
  REQUIRE(pool.devices().size() == 3);
  for (std::uint32_t i = 0; i < 2; ++i) {
    CHECK(pool.devices()[i].index == i);
    CHECK(pool.devices()[i].driver_index == 0);
    CHECK(pool.devices()[i].card == i);
    CHECK(pool.devices()[i].gpu_offered == MilliGpu{500});
    CHECK(pool.devices()[i].memory_offered_bytes == 12 * gib);
    CHECK(pool.pool().view(0).devices[i].device_class == 0);
  }
  CHECK(pool.devices()[2].driver_index == 1);
  CHECK(pool.pool().view(0).devices[2].device_class == 1);
}

TEST_CASE("a device that has failed takes no new slices, keeps those it has, and says why") {
  DevicePool pool(found({card("A100", 4 * gib), card("A100", 4 * gib)}), {}, gib);
  allocator::Request request;
  request.gpu = MilliGpu{500};
  REQUIRE(pool.pool().place(1, request, site_on(0)).ok());
  CHECK(pool.ill_devices().empty());
  DeviceHealth health;
  health.not_listed("the driver does not list it any more", 1);
  pool.set_health(0, health);
  CHECK(pool.devices()[0].health.state() == Health::gone);
  CHECK(pool.promised(0).gpu == MilliGpu{500});
  CHECK(pool.placer().choose(request, 0) == site_on(1));
  CHECK(pool.ill_devices() == "device 0 is gone: the driver does not list it any more");
  health.probe_succeeded(2);
  pool.set_health(0, health);
  CHECK(pool.ill_devices().empty());
  CHECK(pool.pool().place(2, request, site_on(0)).ok());
}

TEST_CASE("devices of one name and another driver are another class") {
  wire::DeviceTraits older = card("cpu", gib), newer = older;
  newer.driver_version = "2";
  const DevicePool pool(found({older, newer, older}), {}, gib);
  CHECK(pool.class_names() == std::vector<std::string>{"cpu", "cpu (2)"});
  CHECK(pool.pool().view(0).devices[2].device_class == 0);
}

TEST_CASE("a tenant sees the memory and the compute units of its slice") {
  wire::DeviceTraits device = card("A100", 40 * gib);
  device.allocation_bytes_max = 10 * gib;
  device.compute_units = 108;
  const auto quarter = slice_traits(device, MilliGpu{250}, 4 * gib);
  CHECK(quarter.global_memory_bytes == 4 * gib);
  CHECK(quarter.allocation_bytes_max == 4 * gib - 64 * mib);
  CHECK(quarter.compute_units == 27);
  CHECK(slice_traits(device, MilliGpu{0}, 20 * gib).compute_units == 108);
  CHECK(slice_traits(device, MilliGpu{0}, 20 * gib).allocation_bytes_max == 10 * gib);
  CHECK(slice_traits(device, MilliGpu{1}, gib).compute_units == 1);
  CHECK(slice_traits(device, MilliGpu{1}, 1).allocation_bytes_max == 1);
}

TEST_CASE("of more devices than the allocator can hold the first ones are used, with a warning") {
  const DevicePool pool(found(std::vector<wire::DeviceTraits>(allocator::devices_per_node_max + 1, card("A100", gib))),
                        {}, gib);
  CHECK(pool.devices().size() == allocator::devices_per_node_max);
  REQUIRE(pool.warnings().size() == 1);
  CHECK(pool.warnings()[0] == "of the 65 devices found, only the first 64 are used");
}
