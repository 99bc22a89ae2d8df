// Static filling: requests arrive and never leave, until much more has been asked for than there is. As Weng et al.
// (USENIX ATC 2023, section 6) did it: the trace's requests shuffled, then drawn from it with replacement.
#pragma once

#include <array>
#include <cstdint>

#include "allocator/policy.h"
#include "tools/sim/simulated_daemon.h"
#include "tools/sim/trace.h"

namespace sluice::sim {

inline constexpr unsigned arrived_percent_max = 130;

struct FillingResult {
  // By how many percent of all milli-GPU had been asked for: percent of all that were allocated.
  std::array<double, arrived_percent_max + 1> allocated{};
  // Percent of all that were free but of no use to typical requests.
  std::array<double, arrived_percent_max + 1> fragmented{};
  // Percent of the requests so far that had been refused.
  std::array<double, arrived_percent_max + 1> rejected{};
  std::uint64_t requests = 0, refused = 0;
  Rescues rescues;
  std::vector<std::uint32_t> decision_ns;  // processor time of each, in order
  std::vector<std::string> reasons;        // explanations of the first refused requests
};

struct FillingSettings {
  // The forecast is learnt from the arrivals, as in the daemon. Otherwise it is known from the whole trace in advance,
  // as in the paper.
  bool learn = true;
  std::size_t moves = 0;    // at most, for a request that fits nowhere
  std::size_t reasons = 0;  // of refusals to keep
};

FillingResult fill(const Trace& trace, const allocator::Policy& policy, std::uint64_t seed,
                   const FillingSettings& settings);

}  // namespace sluice::sim
