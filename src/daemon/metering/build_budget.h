// BuildBudget: how much processor time a session may use beside its device time, by the daemon's own count.
//
// A worker ends builds that take too long (worker/build_watch.h); this is for one that does not. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "daemon/metering/books.h"

namespace sluice::metering {

inline constexpr std::size_t build_threads_max = 4;  // of a worker, at once

class BuildBudget {
 public:
  BuildBudget() = default;
  // cpu_ns_max: of one build. `now`: what was used before is no part of it.
  BuildBudget(Nanoseconds cpu_ns_max, std::uint32_t units, const Books& now)
      : build_ns_max_(cpu_ns_max * build_threads_max / units), charged_(now) {}

  // False: the build has grown by more than that since the session was charged device time last.
  bool allows(const Books& now) {
    if (now.charged_ns > charged_.charged_ns) charged_ = now;
    return now.build_ns - charged_.build_ns <= build_ns_max_;
  }

 private:
  Nanoseconds build_ns_max_ = 0;
  Books charged_;  // as they stood when it was
};

}  // namespace sluice::metering
