// CpuClock: how much processor time one session's worker has used, by the kernel's word.
//
// The evidence that no worker can forge: a charge is held against it (charge.h). Implementations read a cgroup's
// counter, or a process' clock where there is no cgroup.
#pragma once

#include <optional>

#include "base/clock.h"

namespace sluice::metering {

class CpuClock {
 public:
  virtual ~CpuClock() = default;
  // The processor time of all of the worker's threads and processes since some fixed moment; never goes back. Takes
  // about a microsecond and never blocks. Thread-safe. Nothing: it can no longer be read.
  virtual std::optional<Nanoseconds> cpu_ns() const = 0;
};

}  // namespace sluice::metering
