// WorkerGroups: the control groups of the pool's workers, and what each worker may take of the host in them.
//
// A worker starts with room for its driver. When it is given a session, the session's arena comes on top, for its pages
// count for the process that touches them first; and where kernels run on the host, so that a worker could compute
// without a lease, a tenant's cap bounds its CPU time. The arbiter holds the cap; the bound, a little above, stops what
// the arbiter cannot see. What a driver compiles counts in it, too.
//
// Without the fence `cgroup` there are no groups, and each call does nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cpu_set.h"
#include "base/status.h"
#include "base/units.h"
#include "daemon/cgroups/cgroups.h"
#include "daemon/server/runtime/config.h"
#include "wire/device_traits.h"

namespace sluice::server {

// Points of a device's compute above the cap, where the bound of CPU time is.
inline constexpr std::uint32_t cpu_fence_margin_milli = 50;

// How much CPU time the worker of a session may use, in thousandths of a core. Nothing: as much as there is, for the
// tenant has no cap, or its kernels run elsewhere.
std::optional<std::uint32_t> cpu_fence(const wire::DeviceTraits& device, MilliGpu cap);

class WorkerGroups {
 public:
  // Makes the pool's groups. Not ok: they are needed and cannot be had; the message says what an administrator can do.
  static Result<WorkerGroups> open(const Config& config, const std::string& runtime_folder);

  // cpus: where its processes may run, as far as the machine's control groups can say so; empty: everywhere.
  // Nothing: the pool does without.
  Result<std::optional<cgroups::WorkerCgroup>> make(std::uint32_t number, const CpuSet& cpus = {}) const;
  // Those of a worker of an earlier daemon. not_found: it has none, but must.
  Result<std::optional<cgroups::WorkerCgroup>> adopt(std::uint32_t number) const;

  // REQUIRES, of the three: `group` came from here.
  Status limit_memory(std::optional<cgroups::WorkerCgroup>& group, std::uint64_t arena_bytes) const;
  static Status limit_cpu(std::optional<cgroups::WorkerCgroup>& group, std::optional<std::uint32_t> milli_cores);
  // Why the kernel ended it, if that was for want of memory; else empty.
  std::string memory_reason(const std::optional<cgroups::WorkerCgroup>& group) const;

  // Ends and removes all of worker `number`, however it came about: work to be run elsewhere.
  std::function<void()> removal(std::uint32_t number) const;
  // What workers of earlier daemons left. Their numbers are in use until they are removed.
  std::vector<cgroups::WorkerCgroup> leftovers(const std::vector<std::uint32_t>& living) const;
  // Removes the pool's own groups if nothing is left in them.
  void remove() const;

 private:
  WorkerGroups(std::optional<cgroups::Cgroups> pool, const Config& config);
  std::optional<cgroups::Cgroups> pool_;
  std::uint64_t memory_bytes_;
  std::uint32_t processes_max_;
};

}  // namespace sluice::server
