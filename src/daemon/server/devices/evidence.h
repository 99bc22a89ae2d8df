// Evidence: what the charges of a worker's session are held against.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "daemon/cgroups/worker_cgroup.h"
#include "daemon/metering/charge.h"
#include "daemon/metering/cpu_clock.h"
#include "daemon/sessions/fences.h"
#include "wire/device_traits.h"

namespace sluice::server {

struct Evidence {
  metering::Proof proof = metering::Proof::none;
  std::shared_ptr<const metering::CpuClock> cpu;  // null: nothing counts
  std::uint32_t units = 1;                        // of the device that kernels run on, all of which they may use
};

// Of a worker that runs as `process` in `group`; without a group, its process alone is counted. `without` has
// Fence::evidence: the worker is believed.
Evidence evidence_of(const std::optional<cgroups::WorkerCgroup>& group, pid_t process, const wire::DeviceTraits& device,
                     const FenceSet& without);

}  // namespace sluice::server
