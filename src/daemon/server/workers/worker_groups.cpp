#include "daemon/server/workers/worker_groups.h"

#include <set>

#include "base/contract.h"
#include "daemon/server/runtime/files.h"

namespace sluice::server {
namespace {

using cgroups::WorkerCgroup;

Status unusable(const Status& why) {
  return Status(why.code(), "workers can have no control groups here: " + why.message() +
                                ". 'sluice doctor' says more; with jail.without = [\"cgroup\"] in sluiced.toml this "
                                "pool does without, and " +
                                std::string(without_fence(Fence::cgroup)));
}

Result<cgroups::Cgroups> open_pool(const Config& config, const std::string& runtime_folder) {
  const cgroups::GroupFiles& files = cgroups::kernel_group_files();
  const auto hierarchies = cgroups::find_hierarchies(files, files.read("/proc/self/mountinfo"));
  cgroups::PoolGroup place{config.jail_cgroup, cgroups::pool_name(runtime_folder)};
  if (place.group.empty()) place.group = cgroups::default_group(files, hierarchies, files.read("/proc/self/cgroup"));
  return cgroups::Cgroups::open(files, hierarchies, place);
}

}  // namespace

std::optional<std::uint32_t> cpu_fence(const wire::DeviceTraits& device, MilliGpu cap) {
  if (device.kind != wire::DeviceKind::cpu || cap >= whole_gpu) return std::nullopt;
  return device.compute_units * (cap.value + cpu_fence_margin_milli);
}

WorkerGroups::WorkerGroups(std::optional<cgroups::Cgroups> pool, const Config& config)
    : pool_(std::move(pool)), memory_bytes_(config.worker_memory_bytes), processes_max_(config.worker_processes) {}

Result<WorkerGroups> WorkerGroups::open(const Config& config, const std::string& runtime_folder) {
  if (config.jail_without.has(Fence::cgroup)) return WorkerGroups(std::nullopt, config);
  auto pool = open_pool(config, runtime_folder);
  if (!pool.ok()) return unusable(pool.status());
  return WorkerGroups(pool.take(), config);
}

Result<std::optional<WorkerCgroup>> WorkerGroups::make(std::uint32_t number, const CpuSet& cpus) const {
  if (!pool_) return std::optional<WorkerCgroup>();
  auto group = pool_->make(number, {memory_bytes_, processes_max_, {}, cpus.to_string()});
  if (!group.ok()) return unusable(group.status());
  return std::optional(group.take());
}

Result<std::optional<WorkerCgroup>> WorkerGroups::adopt(std::uint32_t number) const {
  if (!pool_) return std::optional<WorkerCgroup>();
  auto group = SLUICE_TRY(pool_->adopt(number));
  return std::optional(std::move(group));
}

Status WorkerGroups::limit_memory(std::optional<WorkerCgroup>& group, std::uint64_t arena_bytes) const {
  SLUICE_REQUIRE(!group || pool_);
  return group ? group->limit_memory(memory_bytes_ + arena_bytes) : Status();
}

Status WorkerGroups::limit_cpu(std::optional<WorkerCgroup>& group, std::optional<std::uint32_t> milli_cores) {
  return group ? group->limit_cpu(milli_cores) : Status();
}

std::string WorkerGroups::memory_reason(const std::optional<WorkerCgroup>& group) const {
  SLUICE_REQUIRE(!group || pool_);
  if (!group || group->memory_kills() == 0) return "";
  return "its worker needed more than " + format_bytes(memory_bytes_) + " of host memory (jail.worker_memory)";
}

std::function<void()> WorkerGroups::removal(std::uint32_t number) const {
  if (!pool_) return [] {};
  return pool_->removal(number);
}

std::vector<WorkerCgroup> WorkerGroups::leftovers(const std::vector<std::uint32_t>& living) const {
  if (!pool_) return {};
  return pool_->leftovers(std::set<std::uint32_t>(living.begin(), living.end()));
}

void WorkerGroups::remove() const {
  if (pool_) pool_->remove();
}

}  // namespace sluice::server
