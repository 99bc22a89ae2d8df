#include "daemon/server/runtime/token_buckets.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::server;

TEST_CASE("a bucket gives its burst at once, and then so many a second") {
  TokenBuckets buckets(50, 200);
  Nanoseconds now = 100 * ns_per_s;
  int taken = 0;
  while (buckets.take(1, now)) ++taken;
  CHECK(taken == 200);
  for (int second = 0; second < 3; ++second) {
    now += ns_per_s;
    taken = 0;
    while (buckets.take(1, now)) ++taken;
    CHECK(taken == 50);
  }
  now += 100 * ns_per_s;
  taken = 0;
  while (buckets.take(1, now)) ++taken;
  CHECK(taken == 200);
}

TEST_CASE("one key's use costs another nothing") {
  TokenBuckets buckets(1, 2);
  while (buckets.take(1, ns_per_s)) {
  }
  CHECK(buckets.take(2, ns_per_s));
}

TEST_CASE("so many keys are remembered and no more, full ones not at all") {
  TokenBuckets buckets(1, 2);
  for (std::uint64_t key = 0; key < 2 * TokenBuckets::keys_max; ++key) CHECK(buckets.take(key, ns_per_s));
  CHECK(buckets.remembered() <= TokenBuckets::keys_max);
  for (std::uint64_t key = 0; key < TokenBuckets::keys_max; ++key) CHECK(buckets.take(key, 100 * ns_per_s));
  CHECK(buckets.remembered() <= TokenBuckets::keys_max);
}
