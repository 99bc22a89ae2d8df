// WorkerCgroup: the control groups of one worker: <pool's group>/<number> for its session, with the bounds of memory
// and processes, and in it "worker" for its one binding, with the bound and the count of CPU time.
//
// On cgroup v1 that is one such pair of folders in each tree. A worker enters before it runs: each file of
// procs_files() is told "0" by the new process itself, or its number by another. The process should do it: a group is
// entered by a write that may wait some milliseconds for the kernel's other readers.
//
// Nothing here waits for a process. Not thread-safe, but for what cpu() returns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "daemon/cgroups/group_files.h"
#include "daemon/cgroups/hierarchies.h"
#include "daemon/metering/cpu_clock.h"

namespace sluice::cgroups {

// The pool's trees: where each controller is, and how a group's processes are ended.
struct Tree {
  Hierarchy hierarchy;  // its controllers: those that workers use there
  std::string base;     // the pool's own group in it, absolute
};
struct Layout {
  const GroupFiles* files = nullptr;
  std::vector<Tree> trees;
  const Tree* killing = nullptr;   // has cgroup.kill; null: there is none
  const Tree* freezing = nullptr;  // can stop a group's processes while they are counted; null: there is none
  // Null: no tree has it.
  const Tree* with(Controller controller) const;
};

// Counts a worker and all its children, the ended ones too, by one pread.
class CpuCount final : public metering::CpuClock {
 public:
  // unified: the file is a cpu.stat; else it is a cpuacct.usage.
  CpuCount(UniqueFd file, bool unified) : file_(std::move(file)), unified_(unified) {}
  std::optional<Nanoseconds> cpu_ns() const override;

 private:
  UniqueFd file_;
  bool unified_;
};

struct Limits {
  std::uint64_t memory_bytes = 0;
  std::uint32_t processes = 0;
  std::optional<std::uint32_t> milli_cores = {};  // nothing: all that there are
  std::string cpus = {};  // a list for the kernel, for good; empty, or no cpuset controller here: all that there are
};

// A CPU limit as the kernel wants it: so much time in each period.
struct CpuQuota {
  std::uint64_t quota_us = 0, period_us = 0;
  friend bool operator==(const CpuQuota&, const CpuQuota&) = default;
};
// Periods of 10 ms: with longer ones a worker would stand still for longer at a time. Small limits need longer ones,
// for the kernel takes no quota below 1 ms. What is left of one may be used in a later one, up to as much again.
CpuQuota cpu_quota(std::uint32_t milli_cores);

// Of cgroup v1, and with the controller `cpuset` alone: its groups are for workers that are bound to CPUs.
bool binds_only(const Tree& tree);
// A group of cgroup v1 can be entered once it has CPUs and memory nodes: those of the group above.
Status inherit_cpus(const GroupFiles& files, const std::string& group);

class WorkerCgroup {
 public:
  WorkerCgroup(std::shared_ptr<const Layout> layout, std::uint32_t number);
  WorkerCgroup(WorkerCgroup&&) noexcept = default;
  WorkerCgroup& operator=(WorkerCgroup&&) noexcept = default;

  std::uint32_t number() const { return number_; }
  // Files that put a process into the groups, to be written in this order.
  std::vector<std::string> procs_files() const;

  Status limit(const Limits& limits);  // but for the CPUs
  // Host memory: of the processes, of their files on tmpfs, and of those pages of memory shared with others that they
  // touched first. Swap is no way around it.
  Status limit_memory(std::uint64_t bytes);
  Status limit_processes(std::uint32_t count);
  Status limit_cpu(std::optional<std::uint32_t> milli_cores);

  // Null: the kernel does not count. Outlives the group.
  std::shared_ptr<const CpuCount> cpu() const { return cpu_; }
  // How many of its processes the kernel has ended because the memory limit was reached.
  std::uint64_t memory_kills() const;
  std::uint64_t memory_limit_bytes() const { return memory_limit_bytes_; }

  // Ends all its processes, at once: lifts the CPU limit, which would have them die slowly. A process that the kernel
  // cannot end now ends later.
  void kill();
  // False: a process has not quite ended. Removed already is fine.
  bool remove();
  // Kills and removes, however long it takes up to removal_ns_max: work to be run on another thread. Owns what it
  // needs.
  std::function<void()> removal() const;

  static constexpr Nanoseconds removal_ns_max = 10 * ns_per_s;

 private:
  friend class Cgroups;
  std::string session(const Tree& tree) const;
  std::string worker(const Tree& tree) const;
  Status make(const std::string& cpus);
  bool has_group_in(const Tree& tree) const;
  Status make_in(const Tree& tree, const std::string& cpus) const;
  Status bind(const Tree& tree, const std::string& group, const std::string& cpus) const;
  Status pass_on(const Tree& tree) const;
  void open_count();
  // No quota: as much as there is.
  Status limit_unified_cpu(const std::string& group, const std::optional<CpuQuota>& quota) const;
  Status limit_v1_cpu(const std::string& group, const std::optional<CpuQuota>& quota) const;
  void kill_one_by_one();
  void kill_members(const std::string& procs_file);
  Status write(const std::string& path, const std::string& text) const;

  std::shared_ptr<const Layout> layout_;
  std::uint32_t number_;
  bool bound_ = false;  // to CPUs
  std::shared_ptr<const CpuCount> cpu_;
  std::uint64_t memory_limit_bytes_ = 0;
};

}  // namespace sluice::cgroups
