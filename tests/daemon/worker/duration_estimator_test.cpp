#include "daemon/worker/duration_estimator.h"

#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

namespace sluice::worker {
namespace {

DurationKey key_of(std::uint64_t kernel, std::uint64_t items, std::uint64_t argument = 0) {
  const std::array<std::uint64_t, 3> launch{kernel, items, argument};
  return duration_key(kernel, items, std::as_bytes(std::span(launch)));
}

TEST_CASE("a kernel that never ran is taken to be long") {
  const auto lengths = std::make_unique<DurationEstimator>();
  CHECK(lengths->estimate(key_of(1, 1)) == DurationEstimator::unknown_ns);
  CHECK(lengths->estimate(key_of(1, 1 << 30)) == DurationEstimator::unknown_ns);
}

TEST_CASE("a launch that was seen is expected to take as long again, half of it from the last time") {
  const auto lengths = std::make_unique<DurationEstimator>();
  lengths->note(key_of(1, 100), 4 * ns_per_ms);
  CHECK(lengths->estimate(key_of(1, 100)) == 4 * ns_per_ms);
  lengths->note(key_of(1, 100), 2 * ns_per_ms);
  CHECK(lengths->estimate(key_of(1, 100)) == 3 * ns_per_ms);
}

TEST_CASE("a launch of a kernel that ran with other sizes or arguments is estimated by its work-items") {
  const auto lengths = std::make_unique<DurationEstimator>();
  lengths->note(key_of(1, 1000), ns_per_ms);
  CHECK(lengths->estimate(key_of(1, 2000)) == 2 * ns_per_ms);
  CHECK(lengths->estimate(key_of(1, 1000, 7)) == ns_per_ms);
  CHECK(lengths->estimate(key_of(2, 1000)) == DurationEstimator::unknown_ns);
}

TEST_CASE(
    "of a kernel that has run long, a launch that was never seen is taken to be long, for some thousand launches") {
  const auto lengths = std::make_unique<DurationEstimator>();
  lengths->note(key_of(1, 1000, 1), 50 * ns_per_ms);
  for (int i = 0; i < 100; ++i) lengths->note(key_of(1, 1000, 2), 20 * ns_per_us);
  CHECK(lengths->estimate(key_of(1, 1000, 2)) == 20 * ns_per_us);
  CHECK(lengths->estimate(key_of(1, 1000, 3)) > 45 * ns_per_ms);
  CHECK(lengths->estimate(key_of(1, 1000, 3)) <= 50 * ns_per_ms);
  for (int i = 0; i < 50'000; ++i) lengths->note(key_of(1, 1000, 2), 20 * ns_per_us);
  CHECK(lengths->estimate(key_of(1, 1000, 3)) < ns_per_ms);
}

TEST_CASE("the same launch with other arguments has a length of its own") {
  const auto lengths = std::make_unique<DurationEstimator>();
  lengths->note(key_of(1, 1000, 1), ns_per_ms);
  lengths->note(key_of(1, 1000, 2), 50 * ns_per_ms);
  CHECK(lengths->estimate(key_of(1, 1000, 1)) == ns_per_ms);
  CHECK(lengths->estimate(key_of(1, 1000, 2)) == 50 * ns_per_ms);
}

TEST_CASE("nothing overflows, and a length of nothing is still known") {
  const auto lengths = std::make_unique<DurationEstimator>();
  lengths->note(key_of(1, 1), UINT64_MAX);
  CHECK(lengths->estimate(key_of(1, 1)) == (1ull << 40) - 1);
  CHECK(lengths->estimate(key_of(1, UINT64_MAX)) == (1ull << 40) - 1);
  lengths->note(key_of(2, 0), 0);
  CHECK(lengths->estimate(key_of(2, 0)) == 1);
}

TEST_CASE("a transfer is expected to take what memory takes at least") {
  CHECK(DurationEstimator::of_transfer(0) == 2 * ns_per_us);
  CHECK(DurationEstimator::of_transfer(4 << 20) == 2 * ns_per_us + (1 << 20));
}

TEST_CASE("many threads may note at once: an estimate is always one that somebody could have meant") {
  const auto lengths = std::make_unique<DurationEstimator>();
  for (std::uint64_t i = 0; i < 7; ++i) lengths->note(key_of(i, 100), ns_per_ms);
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 1; thread <= 3; ++thread)
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 3000; ++i) lengths->note(key_of(i % 7, 100), thread * ns_per_ms);
    });
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const Nanoseconds estimate = lengths->estimate(key_of(i % 7, 100));
    CHECK(estimate >= ns_per_ms - 1);
    CHECK(estimate <= 3 * ns_per_ms);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace sluice::worker
