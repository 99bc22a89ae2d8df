// Evidence: what the charges of a worker's session are held against.
#pragma once

#include <cstdint>
#include <memory>

#include "daemon/metering/charge.h"
#include "daemon/metering/cpu_clock.h"
#include "daemon/server/worker_pool.h"
#include "daemon/sessions/fences.h"
#include "wire/device_traits.h"

namespace sluice::server {

struct Evidence {
  metering::Proof proof = metering::Proof::none;
  std::shared_ptr<const metering::CpuClock> cpu;  // null: nothing counts
  std::uint32_t units = 1;                        // of the device that kernels run on, all of which they may use
};

// `without` has Fence::evidence: the worker is believed. A worker without a cgroup is counted by its process alone.
Evidence evidence_of(const Worker& worker, const wire::DeviceTraits& device, const FenceSet& without);

}  // namespace sluice::server
