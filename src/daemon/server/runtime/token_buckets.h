// TokenBuckets: how often each of many may do something: so many times at once, and so many a second in the long run.
//
// Pure. A key whose bucket is full is not remembered; when keys_max have less, the one that has most is forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/clock.h"
#include "base/contract.h"

namespace sluice::server {

class TokenBuckets {
 public:
  static constexpr std::size_t keys_max = 4096;

  // REQUIRES: both above zero.
  TokenBuckets(std::uint32_t per_s, std::uint32_t burst)
      : interval_ns_((SLUICE_REQUIRE(per_s > 0 && burst > 0), ns_per_s / per_s)), burst_ns_(interval_ns_ * burst) {}

  // Takes one token of the key's bucket. False: there is none, and nothing has changed.
  bool take(std::uint64_t key, Nanoseconds now);

  std::size_t remembered() const { return full_at_ns_.size(); }

 private:
  void forget_some(Nanoseconds now);

  Nanoseconds interval_ns_, burst_ns_;
  std::map<std::uint64_t, Nanoseconds> full_at_ns_;  // when each will be full again
};

}  // namespace sluice::server
