#include "daemon/arbiter/bucket.h"

#include <catch2/catch.hpp>

namespace sluice::arbiter {
namespace {

constexpr Nanoseconds ms = ns_per_ms;
constexpr MilliGpu rate{400};
constexpr Nanoseconds depth_ns = 30 * ms;  // 12 ms of device time
constexpr int owed_depths = 9;             // 108 ms

TEST_CASE("a bucket starts full, fills with time no further than its depth, and may be overdrawn") {
  Bucket bucket(rate, depth_ns, 0);
  CHECK(bucket.level_ns() == 12 * ms);
  bucket.take(20 * ms);
  CHECK(bucket.debt_ns() == 8 * ms);
  bucket.fill(10 * ms);
  CHECK(bucket.debt_ns() == 4 * ms);
  bucket.fill(1000 * ms);
  CHECK(bucket.level_ns() == 12 * ms);
}

TEST_CASE("what is owed is kept beyond the depth, but has an end") {
  Bucket bucket(rate, depth_ns, 0, owed_depths);
  bucket.flow_in(100 * ms);
  CHECK(bucket.level_ns() == 52 * ms);
  bucket.flow_in(10'000 * ms);
  CHECK(bucket.level_ns() == 108 * ms);
  bucket.fill(10'001 * ms);
  CHECK(bucket.level_ns() == 12 * ms);
}

TEST_CASE("who comes back soon is still owed what it was, and has saved up nothing") {
  Bucket owed(rate, depth_ns, 0, owed_depths), owing(rate, depth_ns, 0, owed_depths);
  owed.flow_in(100 * ms);
  owed.fill_and_keep(120 * ms);
  CHECK(owed.level_ns() == 52 * ms);
  owing.take(20 * ms);
  owing.fill_and_keep(10 * ms);
  CHECK(owing.debt_ns() == 4 * ms);
  owing.fill_and_keep(1000 * ms);
  CHECK(owing.level_ns() == 12 * ms);
}

TEST_CASE("a debt grows no further than it may, and one that is larger stays what it is") {
  Bucket bucket(rate, depth_ns, 0);
  bucket.take_within(100 * ms, 5 * ms);
  CHECK(bucket.debt_ns() == 5 * ms);
  bucket.take(20 * ms);
  bucket.take_within(100 * ms, 5 * ms);
  CHECK(bucket.debt_ns() == 25 * ms);
}

}  // namespace
}  // namespace sluice::arbiter
