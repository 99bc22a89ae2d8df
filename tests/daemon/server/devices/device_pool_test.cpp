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

DeviceRule rule(const std::string& name) {
  DeviceRule rule;
  rule.name = name;
  rule.where = "sluiced.toml:1";
  return rule;
}

}  // namespace

TEST_CASE("a card offers all of its own memory and compute") {
  const DevicePool pool({card("A100", 40 * gib)}, {}, 16 * gib);
  CHECK(pool.devices()[0].memory_offered_bytes == 40 * gib);
  CHECK(pool.devices()[0].gpu_offered == whole_gpu);
}

TEST_CASE("devices on host memory share three quarters of it") {
  const DevicePool one({card("cpu", 30 * gib, true)}, {}, 32 * gib);
  CHECK(one.devices()[0].memory_offered_bytes == 24 * gib);
  const DevicePool two({card("cpu", 30 * gib, true), card("basic", 30 * gib, true), card("A100", 40 * gib)}, {},
                       32 * gib);
  CHECK(two.devices()[0].memory_offered_bytes == 12 * gib);
  CHECK(two.devices()[1].memory_offered_bytes == 12 * gib);
  CHECK(two.devices()[2].memory_offered_bytes == 40 * gib);
}

TEST_CASE("a rule's memory is offered as it is written, with a warning if the device has less") {
  DeviceRule written = rule("cpu");
  written.memory_bytes = 31 * gib;
  const DevicePool pool({card("cpu", 30 * gib, true)}, {written}, 32 * gib);
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
  const DevicePool pool({card("Tesla T4", gib), card("tesla A2", gib)}, {none, second, half}, gib);
  CHECK_FALSE(pool.devices()[0].enabled);
  CHECK(pool.devices()[1].enabled);
  CHECK(pool.devices()[1].gpu_offered == MilliGpu{500});
  const auto inventory = pool.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].index == 1);
  CHECK(inventory[0].gpu_free == MilliGpu{500});
}

TEST_CASE("a rule that matches nothing is warned of") {
  const DevicePool pool({card("cpu", gib)}, {rule("Tesla*")}, gib);
  REQUIRE(pool.warnings().size() == 1);
  CHECK_THAT(pool.warnings()[0], Catch::Contains("matches none of the 1 devices"));
}

TEST_CASE("promises beyond the offer leave nothing free, not a negative rest") {
  DevicePool pool({card("A100", 4 * gib)}, {}, gib);
  pool.promise(0, MilliGpu{900}, 3 * gib);
  pool.promise(0, MilliGpu{900}, 3 * gib);
  CHECK(pool.inventory()[0].gpu_free == MilliGpu{0});
  CHECK(pool.inventory()[0].memory_free_bytes == 0);
  pool.take_back(0, MilliGpu{900}, 3 * gib);
  CHECK(pool.inventory()[0].gpu_free == MilliGpu{100});
  CHECK(pool.inventory()[0].memory_free_bytes == gib);
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
  const DevicePool pool(std::vector<wire::DeviceTraits>(allocator::devices_max + 1, card("A100", gib)), {}, gib);
  CHECK(pool.devices().size() == allocator::devices_max);
  REQUIRE(pool.warnings().size() == 1);
  CHECK(pool.warnings()[0] == "of the 65 devices found, only the first 64 are used");
}
