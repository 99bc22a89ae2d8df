// Hierarchies: which trees of control groups this machine has, and which controller is where.
//
// cgroup v1 mounts one tree per controller or several; cgroup v2 has one tree, "unified", whose controllers are those
// that no v1 tree has. A machine may have both: then the unified tree often has no controller, and is good for killing.
// See cgroups(7).
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cgroups/group_files.h"

namespace sluice::cgroups {

enum class Controller : unsigned char { cpu, cpuacct, memory, pids, freezer, cpuset };
inline constexpr std::size_t controller_count = 6;

class Controllers {
 public:
  bool has(Controller one) const { return bits_[static_cast<std::size_t>(one)]; }
  void add(Controller one) { bits_.set(static_cast<std::size_t>(one)); }
  void remove(Controller one) { bits_.reset(static_cast<std::size_t>(one)); }
  bool any() const { return bits_.any(); }
  // As cgroup.subtree_control has them: "cpu memory pids".
  std::string to_string() const;
  friend bool operator==(const Controllers&, const Controllers&) = default;

 private:
  std::bitset<controller_count> bits_;
};

// Unknown names are skipped.
Controllers parse_controllers(std::string_view names, char separator);

struct Hierarchy {
  std::string mount;  // where its root is
  bool unified = false;
  Controllers controllers;
};

// From /proc/self/mountinfo, see proc(5). The unified tree's controllers are not in there.
std::vector<Hierarchy> parse_mounts(std::string_view mountinfo);

// The same, with the unified tree's controllers.
std::vector<Hierarchy> find_hierarchies(const GroupFiles& files, std::string_view mountinfo);

}  // namespace sluice::cgroups
