#include "daemon/cgroups/hierarchies.h"

#include <algorithm>
#include <array>

namespace sluice::cgroups {
namespace {

constexpr std::array<std::string_view, controller_count> names{"cpu", "cpuacct", "memory", "pids", "freezer", "cpuset"};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// "36 25 0:31 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids": after the root and the mount point
// come the mount's options and optional fields, up to a lone dash.
void add_mount(std::string_view line, std::vector<Hierarchy>& hierarchies) {
  const std::vector<std::string_view> fields = split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (dash - fields.begin() < 6 || fields.end() - dash < 4) return;
  Hierarchy hierarchy{std::string(fields[4]), dash[1] == "cgroup2", {}};
  if (dash[1] == "cgroup") hierarchy.controllers = parse_controllers(dash[3], ',');
  if (hierarchy.unified || hierarchy.controllers.any()) hierarchies.push_back(std::move(hierarchy));
}

}  // namespace

std::string Controllers::to_string() const {
  std::string text;
  for (std::size_t i = 0; i < controller_count; ++i)
    if (bits_[i]) text += (text.empty() ? "" : " ") + std::string(names[i]);
  return text;
}

Controllers parse_controllers(std::string_view text, char separator) {
  Controllers controllers;
  for (const std::string_view word : split(text, separator))
    if (const auto* known = std::find(names.begin(), names.end(), word); known != names.end())
      controllers.add(static_cast<Controller>(known - names.begin()));
  return controllers;
}

std::vector<Hierarchy> parse_mounts(std::string_view mountinfo) {
  std::vector<Hierarchy> hierarchies;
  for (const std::string_view line : split(mountinfo, '\n')) add_mount(line, hierarchies);
  return hierarchies;
}

std::vector<Hierarchy> find_hierarchies(const GroupFiles& files, std::string_view mountinfo) {
  std::vector<Hierarchy> hierarchies = parse_mounts(mountinfo);
  for (Hierarchy& hierarchy : hierarchies) {
    if (!hierarchy.unified) continue;
    std::string offered = files.read(hierarchy.mount + "/cgroup.controllers");
    std::replace(offered.begin(), offered.end(), '\n', ' ');
    hierarchy.controllers = parse_controllers(offered, ' ');
  }
  return hierarchies;
}

}  // namespace sluice::cgroups
