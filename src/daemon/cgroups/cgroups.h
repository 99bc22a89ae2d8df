// Cgroups: a pool's place among the control groups of its machine.
//
// A pool has one group of its own in each tree that it needs, <group>/<pool>, and workers' groups in it. `pool` differs
// from pool to pool on one machine, so that no two ever meet. Nothing is written above <group> but to offer controllers
// to it.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "daemon/cgroups/worker_cgroup.h"

namespace sluice::cgroups {

struct PoolGroup {
  std::string group;  // from the root of each tree: "/sluice"
  std::string pool;   // a name
};

// What a pool is called among control groups: the same for the same runtime folder.
std::string pool_name(const std::string& runtime_folder);

// Where a pool's group goes if the configuration does not say: into the group that systemd delegates to workers, if it
// is there; a user's into what systemd delegates to that user; else directly below the root.
// own_groups: /proc/self/cgroup.
std::string default_group(const GroupFiles& files, const std::vector<Hierarchy>& hierarchies,
                          std::string_view own_groups);

class Cgroups {
 public:
  // Makes the pool's groups. unsupported: the machine lacks a controller; the message names it. Else what the kernel
  // said: most often that these groups are not this user's to change.
  static Result<Cgroups> open(const GroupFiles& files, const std::vector<Hierarchy>& hierarchies,
                              const PoolGroup& place);

  // REQUIRES: no group has the number.
  Result<WorkerCgroup> make(std::uint32_t number, const Limits& limits) const;
  // not_found: the worker has none.
  Result<WorkerCgroup> adopt(std::uint32_t number) const;
  // The groups that an earlier daemon left, but for those of the living: to be removed. Their numbers must not be used
  // again before that.
  std::vector<WorkerCgroup> leftovers(const std::set<std::uint32_t>& living) const;
  // As WorkerCgroup::removal.
  std::function<void()> removal(std::uint32_t number) const { return WorkerCgroup(layout_, number).removal(); }
  // Removes the pool's own groups if no worker's are left in them.
  void remove() const;

 private:
  void make_binding_trees() const;
  explicit Cgroups(std::shared_ptr<const Layout> layout) : layout_(std::move(layout)) {}
  std::shared_ptr<const Layout> layout_;
};

}  // namespace sluice::cgroups
