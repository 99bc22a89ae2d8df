// KickBudget: how often one session's worker may wake the daemon. A kick that brought nothing new costs more than one
// that did; the kicks of a worker beyond its budget are ignored for a moment.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace sluice::server {

class KickBudget {
 public:
  static constexpr Nanoseconds useful_ns = 100 * ns_per_us;  // of the budget: ten thousand kicks a second
  static constexpr Nanoseconds idle_ns = 500 * ns_per_us;    // that told nothing: two thousand
  static constexpr Nanoseconds saved_ns_max = 100 * ns_per_ms;
  static constexpr Nanoseconds pause_ns = 20 * ns_per_ms;

  // A kick came. False: it exceeds the budget; ignore the worker's kicks for pause_ns.
  bool take(bool useful, Nanoseconds now) {
    saved_ns_ = std::min(saved_ns_max, saved_ns_ + (now - std::min(now, seen_ns_)));
    seen_ns_ = now;
    const Nanoseconds cost_ns = useful ? useful_ns : idle_ns;
    if (saved_ns_ < cost_ns) return false;
    saved_ns_ -= cost_ns;
    return true;
  }

 private:
  Nanoseconds saved_ns_ = saved_ns_max, seen_ns_ = 0;
};

}  // namespace sluice::server
