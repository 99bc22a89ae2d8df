// Placer: decides where requests go. It applies a policy to a pool, and learns from the requests which ones are
// typical, for policies that use a forecast. It only decides: the caller makes the changes to the pool.
//
// The daemon and sluice-sim decide by this class. Not thread-safe. Deterministic: the same requests and the same
// changes of the pool give the same sites.
#pragma once

#include <optional>

#include "allocator/chooser.h"

namespace sluice::allocator {

class Placer {
 public:
  // `known`: the forecast, if it is not to be learnt; else null. REQUIRES: all outlive it.
  Placer(const Pool& pool, const Policy& policy, const DemandForecast* known = nullptr);

  // Learns from the request, and chooses its site. Empty: it fits nowhere now. `draw`: as in RatingQuery.
  std::optional<Site> choose(const Request& request, std::uint64_t draw);
  // Learns from a request that was placed without choose().
  void learn(const Request& request);
  // A slice that was placed has been released.
  void departed() { history_.departed(); }

  const DemandForecast& forecast() const { return known_ != nullptr ? *known_ : learnt_; }
  Chooser& chooser() { return chooser_; }  // for plans; it learns nothing

 private:
  const Pool& pool_;
  Chooser chooser_;
  const DemandForecast* known_;
  RequestHistory history_;
  DemandForecast learnt_;
};

}  // namespace sluice::allocator
