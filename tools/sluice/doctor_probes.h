// What `sluice doctor` finds out: each fence and each feature of the kernel is tried, not guessed from a version.
//
// Every trial runs in a process of its own, which enters what it tries and ends, at the latest after trial_ns_max.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "daemon/sessions/fences.h"

namespace sluice::cli {

inline constexpr Nanoseconds trial_ns_max = 5 * ns_per_s;

// Runs `trial` in a process of its own. Returns what it returned, or how that process ended instead: so empty means
// that it was tried, and works.
std::string try_in_process(const std::function<std::string()>& trial);

struct Finding {
  std::string name;
  std::optional<Fence> fence;  // nothing: a feature that makes something better
  bool available = false;
  bool needed = true;  // a pool that lacks the fence starts only if jail.without names it
  std::string detail;  // how it is done here; or what is missing, and what can be done about it
};

struct DoctorOptions {
  std::string cgroup;  // jail.cgroup; empty: its default
  std::string cache;   // where compiled kernels would be kept; need not be there yet
};

// The fences, in their order.
std::vector<Finding> find_fences(const DoctorOptions& options);
std::vector<Finding> find_features(const DoctorOptions& options);

// What jail.without must name for a pool to start here. Empty: nothing.
FenceSet missing_fences(const std::vector<Finding>& findings);

}  // namespace sluice::cli
