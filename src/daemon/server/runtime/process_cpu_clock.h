// ProcessCpuClock: the processor time of one process and its threads, for workers without a cgroup.
//
// Weaker than a cgroup's counter: what the process starts is not in it. It can be read until the process is reaped.
#pragma once

#include <sys/types.h>

#include "daemon/metering/cpu_clock.h"

namespace sluice::server {

class ProcessCpuClock final : public metering::CpuClock {
 public:
  explicit ProcessCpuClock(pid_t pid) : pid_(pid) {}
  std::optional<Nanoseconds> cpu_ns() const override;

 private:
  pid_t pid_;
};

}  // namespace sluice::server
