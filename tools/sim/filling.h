// Static filling: requests arrive and never leave, until much more has been asked for than there is. As Weng et al.
// (USENIX ATC 2023, section 6) did it: the trace's requests shuffled, then drawn from it with replacement.
#pragma once

#include <array>
#include <cstdint>

#include "allocator/policy.h"
#include "tools/sim/operator.h"
#include "tools/sim/trace.h"

namespace sluice::sim {

inline constexpr unsigned arrived_percent_max = 130;

struct FillingResult {
  // When so many percent of all milli-GPU had been asked for: how many percent of all were taken.
  std::array<double, arrived_percent_max + 1> allocated{};
  // And how many percent of all were free but of no use to a typical request.
  std::array<double, arrived_percent_max + 1> fragmented{};
  // And how many percent of the requests until then had been refused.
  std::array<double, arrived_percent_max + 1> rejected{};
  std::uint64_t requests = 0, refused = 0;
  Rescues rescues;
  std::vector<std::uint32_t> decision_ns;  // processor time of each, in order
  std::vector<std::string> reasons;        // why the first of the refused had no place
};

struct FillingSettings {
  // Which requests are typical is learnt from what has arrived, as in the daemon. Otherwise it is known from the whole
  // trace beforehand, as to the paper's policy.
  bool learn = true;
  std::size_t moves = 0;    // at most so many for a request that fits nowhere
  std::size_t reasons = 0;  // so many are kept
};

FillingResult fill(const Trace& trace, const allocator::Policy& policy, std::uint64_t seed,
                   const FillingSettings& settings);

}  // namespace sluice::sim
