// What a stretch of a lease costs: the one function that the arbiter and the ledger share. Pure.
//
// A worker runs its tenant's kernels and is as hostile as they are, so its reports are held against what it cannot
// forge: how long it held the lease, by the daemon's clock, and the processor time that its cgroup used meanwhile.
//
//   told    what it reports, but no more than it held the lease
//   floor   that processor time divided by the device's units: a device that does nothing else took no less
//   charged while another session waits: all of the time that was held, but for handing the device over
//           else: told, or the floor if that is more
//   build   the rest of the floor: processor time that was used and is no device time
//
// So charged + build is never less than the floor, whatever the worker reports.
//
// Two allowances make an honest worker's charge what its kernels took. Both are parts of what it reports, so that a
// worker that reports nothing is let off nothing:
//
//   while others wait, what the device idles under the lease: for handing it over, and between two kernels; twice as
//   much between kernels where the processor time shows that they used all units
//   else, what the driver works between two kernels: that far the floor is build
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/contract.h"

namespace sluice::metering {

enum class Proof : std::uint8_t {
  none,            // the worker's word alone, up to the time that it held the lease
  held_time,       // kernels run elsewhere: the holder of the lease is charged for it
  processor_time,  // kernels run in the worker
};

// A stretch of a lease in which another session waited for the device all the while, or never.
struct Stretch {
  Nanoseconds held_ns = 0;      // by the daemon's clock
  Nanoseconds measured_ns = 0;  // by the worker's reports
  Nanoseconds floor_ns = 0;     // with Proof::processor_time
  bool waited_for = false;
};

struct Charge {
  Nanoseconds charged_ns = 0, build_ns = 0;
  Nanoseconds sum_ns() const { return charged_ns + build_ns; }
  friend bool operator==(const Charge&, const Charge&) = default;
};

// How much of the time that a lease was held while others waited is let off, with a report of so much and no other
// evidence.
Nanoseconds allowance_ns(Nanoseconds told_ns);

Charge charge(const Stretch& stretch, Proof proof);

// Without a lease: processor time and commands that went on, which is all build.
// `passed_ns`: since the last lease ended; reports are believed no further than that.
Nanoseconds build_ns(Nanoseconds measured_ns, Nanoseconds floor_ns, Nanoseconds passed_ns);

// Of a device with so many units, which kernels use all of. REQUIRES: units > 0.
constexpr Nanoseconds floor_of(Nanoseconds cpu_ns, std::uint32_t units) {
  SLUICE_REQUIRE(units > 0);
  return cpu_ns / units;
}

}  // namespace sluice::metering
