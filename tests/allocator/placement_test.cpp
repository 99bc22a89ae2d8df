#include "allocator/placement.h"

#include <catch2/catch.hpp>
#include <random>

using namespace sluice;
using namespace sluice::allocator;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

DeviceRoom device(std::uint32_t index, std::uint32_t gpu_free, std::uint64_t memory_total, std::uint64_t memory_free) {
  return {index, "card " + std::to_string(index), whole_gpu, MilliGpu{gpu_free}, memory_total, memory_free};
}

Request request(std::uint32_t gpu, std::uint64_t memory) { return {MilliGpu{gpu}, memory, 8}; }

}  // namespace

TEST_CASE("a slice goes to the device that keeps the least free afterwards") {
  const Inventory inventory{device(0, 1000, 16 * gib, 16 * gib), device(1, 300, 16 * gib, 5 * gib),
                            device(2, 600, 16 * gib, 9 * gib)};
  const Decision decision = place(inventory, request(250, 4 * gib));
  REQUIRE(decision.placement);
  CHECK_FALSE(decision.refusal);
  CHECK(decision.placement->device == 1);
  CHECK(decision.placement->gpu == MilliGpu{250});
  CHECK(decision.placement->memory_bytes == 4 * gib);
}

TEST_CASE("what is free is compared as a part of its device") {
  // 6 GiB left of 8 is more of its device than 10 GiB left of 80.
  const Inventory inventory{device(0, 1000, 8 * gib, 8 * gib), device(1, 1000, 80 * gib, 12 * gib)};
  CHECK(place(inventory, request(0, 2 * gib)).placement->device == 1);
}

TEST_CASE("of equal devices the lowest in the list is chosen") {
  const Inventory inventory{device(4, 1000, 8 * gib, 8 * gib), device(7, 1000, 8 * gib, 8 * gib)};
  CHECK(place(inventory, request(100, gib)).placement->device == 4);
}

TEST_CASE("a request may take all that is left, to the byte and to the thousandth") {
  const Inventory inventory{device(0, 250, 8 * gib, 3 * gib + 1)};
  CHECK(place(inventory, request(250, 3 * gib + 1)).placement);
  CHECK(place(inventory, request(251, 3 * gib + 1)).refusal);
  CHECK(place(inventory, request(250, 3 * gib + 2)).refusal);
}

TEST_CASE("without a size, memory is a part of the device that was chosen, in whole pages") {
  const Inventory inventory{device(0, 1000, 8 * gib + 100, 8 * gib)};
  const Decision decision = place(inventory, request(0, 0));
  REQUIRE(decision.placement);
  CHECK(decision.placement->memory_bytes == gib);
}

TEST_CASE("a slice without a guarantee fits a device whose compute is all promised") {
  const Inventory inventory{device(0, 0, 8 * gib, gib)};
  CHECK(place(inventory, request(0, gib)).placement);
}

TEST_CASE("an empty pool is refused as such") {
  const Decision decision = place({}, request(100, gib));
  REQUIRE(decision.refusal);
  CHECK(decision.refusal->kind == RefusalKind::no_devices);
  CHECK_FALSE(decision.refusal->nearest);
}

TEST_CASE("a refusal says whether waiting would help") {
  const Inventory inventory{device(0, 100, 8 * gib, gib)};
  CHECK(place(inventory, request(500, 2 * gib)).refusal->kind == RefusalKind::no_room_now);
  CHECK(place(inventory, request(500, 9 * gib)).refusal->kind == RefusalKind::larger_than_any);
  CHECK(place(inventory, request(1001, gib)).refusal->kind == RefusalKind::larger_than_any);
}

TEST_CASE("a refusal names the nearest device and what would fit there") {
  const Inventory inventory{device(0, 100, 8 * gib, 8 * gib), device(1, 400, 8 * gib, 3 * gib)};
  const Decision decision = place(inventory, request(500, 4 * gib));
  REQUIRE(decision.refusal);
  REQUIRE(decision.refusal->nearest);
  CHECK(decision.refusal->nearest->device == 1);
  CHECK(decision.refusal->nearest->gpu == MilliGpu{400});
  CHECK(decision.refusal->nearest->memory_bytes == 3 * gib);
  CHECK(decision.refusal->reason ==
        "no device has room now for 500m and 4 GiB of memory; the nearest is device 1 (card 1) with 400m and 3 GiB of "
        "memory free, where 400m and 3 GiB of memory would fit; 500m and 11 GiB of memory are free in total");
}

TEST_CASE("what a refusal offers is granted when it is asked for") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    Inventory inventory;
    for (std::uint32_t i = 0; i < random() % 5; ++i) {
      const std::uint64_t total = (random() % 64 + 1) * gib + random() % 4096;
      inventory.push_back(device(i, random() % 1001, total, random() % 2 == 0 ? random() % 3 : random() % total));
    }
    const Request wish = request(random() % 1200, random() % 5 == 0 ? 0 : (random() % 70 + 1) * gib);
    const Decision decision = place(inventory, wish);
    REQUIRE(decision.placement.has_value() != decision.refusal.has_value());
    if (!decision.refusal || !decision.refusal->nearest) continue;
    const Placement offer = *decision.refusal->nearest;
    INFO(decision.refusal->reason);
    CHECK(place(inventory, Request{offer.gpu, offer.memory_bytes, 8}).placement);
  }
}

TEST_CASE("a placement never gives more than is free") {
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    Inventory inventory;
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint64_t total = random() % (1ull << 40) + 1;
      inventory.push_back(device(i, random() % 1001, total, random() % (total + 1)));
    }
    const Decision decision = place(inventory, request(random() % 1001, random() % (1ull << 40)));
    if (!decision.placement) continue;
    const DeviceRoom& chosen = inventory[decision.placement->device];
    CHECK(decision.placement->gpu <= chosen.gpu_free);
    CHECK(decision.placement->memory_bytes <= chosen.memory_free_bytes);
  }
}

TEST_CASE("the largest sizes that can be written do not overflow") {
  const std::uint64_t huge = INT64_MAX;
  const Inventory inventory{device(0, 1000, huge, huge), device(1, 1000, huge, huge - 1)};
  CHECK(place(inventory, request(1000, huge)).placement->device == 0);
  CHECK(place(inventory, request(1000, huge - 1)).placement->device == 1);
}
