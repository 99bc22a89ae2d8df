// Bucket: a rate of device time, kept exactly. It fills with time and is emptied by use, which may leave it in debt.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "base/contract.h"
#include "base/units.h"

namespace sluice::arbiter {

class Bucket {
 public:
  // Holds at most what flows in within `depth_ns`, or so many depths of what is owed (see flow_in); starts full.
  Bucket(MilliGpu rate, Nanoseconds depth_ns, Nanoseconds now, int owed_depths = 1)
      : rate_(rate.value), depth_ns_(depth_ns), owed_depths_(owed_depths), level_(full()), seen_ns_(now) {}

  // What is in it keeps its share of the depth; a debt stays what it is.
  void set_rate(MilliGpu rate, Nanoseconds now) {
    fill(now);
    rate_ = rate.value;
    level_ = std::min(level_, full());
  }
  void fill(Nanoseconds now) {
    flow_in(now);
    level_ = std::min(level_, full());
  }
  // The same, but what is owed already is kept.
  void fill_and_keep(Nanoseconds now) {
    const std::int64_t kept = std::max(level_, full());
    flow_in(now);
    level_ = std::min(level_, kept);
  }
  // What flows in meanwhile is owed, and kept beyond the depth: up to owed_depths. Where the device gives less than was
  // promised, by what it takes to hand it over, all are owed without end, and who then forgets it for having been idle
  // a moment would wait until the others' is paid.
  void flow_in(Nanoseconds now) {
    if (now <= seen_ns_) return;
    const Nanoseconds passed = std::min(now - seen_ns_, passed_ns_max);
    level_ = std::min(level_ + static_cast<std::int64_t>(passed) * rate_, std::max(level_, full() * owed_depths_));
    seen_ns_ = now;
  }
  void take(Nanoseconds used_ns) { level_ -= static_cast<std::int64_t>(std::min(used_ns, passed_ns_max)) * 1000; }

  // The same, but a debt grows no further than to `debt_ns_max`; one that is larger already stays what it is.
  void take_within(Nanoseconds used_ns, Nanoseconds debt_ns_max) {
    const std::int64_t lowest = -static_cast<std::int64_t>(std::min(debt_ns_max, passed_ns_max)) * 1000;
    const std::int64_t floor = std::min(level_, lowest);
    take(used_ns);
    level_ = std::max(level_, floor);
  }

  // It holds so many times its depth, or more: see flow_in.
  bool overdue(int depths) const { return level_ > full() * depths; }
  // As of the last fill.
  std::int64_t level_ns() const { return level_ / 1000; }
  Nanoseconds debt_ns() const { return level_ < 0 ? static_cast<Nanoseconds>(-level_ / 1000) : 0; }
  // What is in it, debt too, for another bucket that goes on from there: as of the last fill.
  std::int64_t level() const { return level_; }
  // Holds no more than another did.
  void lower_to(std::int64_t level) { level_ = std::min(level_, level); }
  // When it will hold `wanted_ns`, which is no more than its depth; no sooner than the last fill. REQUIRES: rate > 0.
  Nanoseconds time_of(Nanoseconds wanted_ns) const {
    SLUICE_REQUIRE(rate_ > 0);
    const std::int64_t missing = static_cast<std::int64_t>(wanted_ns) * 1000 - level_;
    return missing <= 0 ? seen_ns_ : seen_ns_ + static_cast<Nanoseconds>((missing + rate_ - 1) / rate_);
  }

 private:
  // Thousandths of a nanosecond: a rate of one milli-GPU adds one of them in a nanosecond.
  static constexpr Nanoseconds passed_ns_max = 1'000'000 * ns_per_s;  // so that nothing overflows
  std::int64_t full() const { return static_cast<std::int64_t>(depth_ns_) * rate_; }

  std::int64_t rate_;
  Nanoseconds depth_ns_;
  int owed_depths_;
  std::int64_t level_;
  Nanoseconds seen_ns_;
};

}  // namespace sluice::arbiter
