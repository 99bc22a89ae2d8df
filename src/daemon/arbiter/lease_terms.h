// LeaseTerms: what the holder of a device's lease may do. The arbiter sets them, and the worker keeps to them.
//
// They cross from the daemon to the worker in one place: SharedLeaseTerms, in the terms page (sessions/terms_page.h).
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace sluice {

struct LeaseTerms {
  static constexpr Nanoseconds unlimited_ns = UINT64_MAX;

  Nanoseconds budget_ns = unlimited_ns;  // of device time; nothing begins beyond it, and the lease is to be given back
  Nanoseconds until_ns = unlimited_ns;   // no command is submitted after this moment (CLOCK_MONOTONIC)
  Nanoseconds window_ns = unlimited_ns;  // submitted and unfinished, by estimate; one command may always be
  Nanoseconds piece_ns = 0;              // longer launches are cut if they can be; 0: none is
  Nanoseconds linger_ns = unlimited_ns;  // idle for so long, the lease is given back
  friend bool operator==(const LeaseTerms&, const LeaseTerms&) = default;
};

}  // namespace sluice
