#include "daemon/server/devices/evidence.h"

#include <algorithm>
#include <thread>

#include "daemon/server/runtime/process_cpu_clock.h"

namespace sluice::server {
namespace {

class GroupCpuClock final : public metering::CpuClock {
 public:
  explicit GroupCpuClock(std::shared_ptr<const cgroups::CpuCount> count) : count_(std::move(count)) {}
  std::optional<Nanoseconds> cpu_ns() const override { return count_->cpu_ns(); }

 private:
  std::shared_ptr<const cgroups::CpuCount> count_;
};

// Some drivers count more units than there are processors to run them.
std::uint32_t units_of(const wire::DeviceTraits& device) {
  return std::clamp(device.compute_units, 1u, std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

Evidence evidence_of(const std::optional<cgroups::WorkerCgroup>& group, pid_t process, const wire::DeviceTraits& device,
                     const FenceSet& without) {
  Evidence evidence;
  evidence.units = units_of(device);
  const auto count = group ? group->cpu() : nullptr;
  if (count != nullptr) evidence.cpu = std::make_shared<GroupCpuClock>(count);
  else evidence.cpu = std::make_shared<ProcessCpuClock>(process);
  const bool here = device.kind == wire::DeviceKind::cpu;
  if (!without.has(Fence::evidence))
    evidence.proof = here ? metering::Proof::processor_time : metering::Proof::held_time;
  return evidence;
}

}  // namespace sluice::server
