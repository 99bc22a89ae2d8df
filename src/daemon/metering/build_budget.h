// BuildBudget: how much processor time a session may use beside its device time, by the daemon's own count.
//
// A worker ends builds that take too long (worker/build_watch.h); this is for one that does not. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "daemon/metering/books.h"
#include "daemon/metering/charge.h"

namespace sluice::metering {

inline constexpr std::size_t build_threads_max = 4;  // of a worker, at once

class BuildBudget {
 public:
  BuildBudget() = default;
  // cpu_ns_max: of one build. `now`: what was used before is no part of it.
  BuildBudget(Nanoseconds cpu_ns_max, std::uint32_t units, Proof proof, const Account& now)
      : build_ns_max_(cpu_ns_max * build_threads_max / units), units_(units), proof_(proof), charged_(now) {}

  // False: the build has grown by more than that since the session was charged device time last.
  bool allows(const Account& now) {
    if (now.books.charged_ns > charged_.books.charged_ns) charged_ = now;
    return built_ns(now) - built_ns(charged_) <= build_ns_max_;
  }

 private:
  // Where kernels do not run in the worker, its processor time is not charged, and all of it may be builds.
  Nanoseconds built_ns(const Account& account) const {
    return proof_ == Proof::held_time ? account.cpu_ns / units_ : account.books.build_ns;
  }

  Nanoseconds build_ns_max_ = 0;
  std::uint32_t units_ = 1;
  Proof proof_ = Proof::none;
  Account charged_;  // as it stood when it was
};

}  // namespace sluice::metering
