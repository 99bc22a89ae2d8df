// DeviceClock: brings a driver's event timestamps to CLOCK_MONOTONIC.
//
// Drivers stamp events with a clock of their own. Often it is one of the host's (PoCL: CLOCK_MONOTONIC_RAW), which is
// found out by bracketing marker commands; its distance to CLOCK_MONOTONIC is then read afresh now and then, because
// the two drift apart. Any other clock gets the offset measured at open. A driver that gives no times at all gets
// those of the host, taken at submission and completion.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "daemon/backends/opencl/api.h"

namespace sluice::backend::opencl {

class DeviceClock {
 public:
  // Runs a few markers on `queue` and waits for them. REQUIRES: the queue was made with profiling.
  void measure(cl_command_queue queue);

  // Reads the drift again if the last reading is old. Cheap; by one thread at a time.
  void refresh();

  // Of a command that ended well; called on the driver's threads. `submitted_ns` is the host's own reading at
  // submission, and stands in where the driver has none. CL_PROFILING_COMMAND_SUBMIT is only read if `want_submit`.
  wire::CommandTimes times_of(cl_event event, bool want_submit, Nanoseconds submitted_ns) const;

  // True if a command's submission should be stamped by the host.
  bool needs_host_times() const { return needs_host_times_.load(std::memory_order_relaxed); }

 private:
  int host_clock_ = -1;  // the clockid_t that the driver uses; -1: a clock of its own
  Nanoseconds refreshed_ns_ = 0;
  std::atomic<std::int64_t> offset_ns_{0};  // CLOCK_MONOTONIC - the driver's clock
  bool has_times_ = true;                   // false: what the driver says is no time (0, or a constant)
  mutable std::atomic<bool> needs_host_times_{false};
};

}  // namespace sluice::backend::opencl
