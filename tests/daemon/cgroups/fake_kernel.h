// FakeKernel: control groups in memory, with the files that a kernel makes and the rules that it keeps.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <climits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/cgroups/group_files.h"
#include "daemon/cgroups/hierarchies.h"

namespace sluice::test {

class FakeKernel final : public cgroups::GroupFiles {
 public:
  // Trees of v1, each with one controller, at /cg/<controller>; an empty unified tree at /cg/unified.
  static FakeKernel hybrid() {
    FakeKernel kernel;
    for (const char* name : {"cpu", "cpuacct", "memory", "pids", "freezer", "unified"})
      kernel.add_tree(std::string("/cg/") + name);
    return kernel;
  }
  // The same, and one more with the CPUs 0 to 3. It is mounted first.
  static FakeKernel hybrid_with_cpuset() {
    FakeKernel kernel;
    kernel.add_tree("/cg/cpuset");
    kernel.files["/cg/cpuset/cpuset.cpus"] = "0-3\n";
    kernel.files["/cg/cpuset/cpuset.mems"] = "0\n";
    for (const char* name : {"cpu", "cpuacct", "memory", "pids", "freezer", "unified"})
      kernel.add_tree(std::string("/cg/") + name);
    return kernel;
  }
  // One tree with these controllers, at /cg.
  static FakeKernel unified(const std::string& controllers = "cpuset cpu io memory pids") {
    FakeKernel kernel;
    kernel.add_tree("/cg");
    kernel.files["/cg/cgroup.controllers"] = controllers + "\n";
    return kernel;
  }

  std::string mountinfo() const {
    std::string text;
    for (const std::string& tree : trees_) {
      const std::string name = tree.substr(tree.rfind('/') + 1);
      const bool v2 = name == "unified" || name == "cg";
      text += "1 1 0:1 / " + tree + " rw - " + (v2 ? "cgroup2 cgroup2 rw" : "cgroup cgroup rw," + name) + "\n";
    }
    return text;
  }
  std::vector<cgroups::Hierarchy> hierarchies() const { return cgroups::find_hierarchies(*this, mountinfo()); }

  mutable std::map<std::string, std::string> files;
  mutable std::set<std::string> groups;
  mutable std::vector<std::string> writes;  // "path=text", in order
  std::set<std::string> busy;               // groups with processes
  std::set<std::string> without;            // names of files that this kernel does not have
  std::map<std::string, int> failing;       // path -> errno of a write
  int folder_error = 0;                     // of each new folder

  int make_folder(const std::string& path) const override {
    if (groups.contains(path)) return 0;
    if (folder_error != 0) return folder_error;
    if (!groups.contains(path.substr(0, path.rfind('/')))) return ENOENT;
    groups.insert(path);
    fill(path);
    return 0;
  }
  int remove_folder(const std::string& path) const override {
    if (!groups.contains(path)) return ENOENT;
    if (busy.contains(path) || !folders(path).empty()) return EBUSY;
    groups.erase(path);
    std::erase_if(files, [&](const auto& file) { return file.first.starts_with(path + "/"); });
    return 0;
  }
  int write(const std::string& path, std::string_view text) const override {
    const auto file = files.find(path);
    if (file == files.end()) return ENOENT;
    if (const auto failure = failing.find(path); failure != failing.end()) return failure->second;
    const std::string group = path.substr(0, path.rfind('/')), name = path.substr(group.size() + 1);
    if (name == "memory.limit_in_bytes" && number(text) > number(files[group + "/memory.memsw.limit_in_bytes"]))
      return EINVAL;
    if (name == "memory.memsw.limit_in_bytes" && number(text) < number(files[group + "/memory.limit_in_bytes"]))
      return EINVAL;
    if (name == "cpu.cfs_burst_us" && number(text) > number(files[group + "/cpu.cfs_quota_us"])) return EINVAL;
    if (name == "cpu.max.burst" && number(text) > number(files[group + "/cpu.max"])) return EINVAL;
    if (name == "cpu.cfs_quota_us" && number(text) < number(files[group + "/cpu.cfs_burst_us"])) return EINVAL;
    if (name == "cpu.max" && text != "max" && number(text) < number(files[group + "/cpu.max.burst"])) return EINVAL;
    if (name == "cgroup.subtree_control") return offer(group, text);
    writes.push_back(path + "=" + std::string(text));
    file->second = text;
    return 0;
  }
  std::string read(const std::string& path) const override {
    const auto file = files.find(path);
    return file == files.end() ? "" : file->second;
  }
  bool exists(const std::string& path) const override { return groups.contains(path) || files.contains(path); }
  UniqueFd open(const std::string& path) const override {
    return UniqueFd(exists(path) ? ::open("/dev/null", O_RDONLY | O_CLOEXEC) : -1);
  }
  std::vector<std::string> folders(const std::string& path) const override {
    std::vector<std::string> names;
    for (const std::string& group : groups)
      if (group.starts_with(path + "/") && group.find('/', path.size() + 1) == std::string::npos)
        names.push_back(group.substr(path.size() + 1));
    return names;
  }

 private:
  // "max" and "-1" are more than any.
  static unsigned long long number(std::string_view text) {
    return text.starts_with("max") ? ULLONG_MAX : std::stoull(std::string(text));
  }

  void add_tree(const std::string& path) {
    trees_.push_back(path);
    groups.insert(path);
    files[path + "/cgroup.procs"] = "";
    if (path == "/cg" || path == "/cg/unified") files[path + "/cgroup.subtree_control"] = "";
    if (path == "/cg/unified") files[path + "/cgroup.controllers"] = "hugetlb\n";
  }
  std::string tree_of(const std::string& path) const {
    std::string best;
    for (const std::string& tree : trees_)
      if (path.starts_with(tree + "/") && tree.size() > best.size()) best = tree;
    return best;
  }
  void add(const std::string& group, const char* name, const char* text) const {
    if (!without.contains(name)) files[group + "/" + name] = text;
  }
  void fill(const std::string& group) const {
    const std::string tree = tree_of(group), name = tree.substr(tree.rfind('/') + 1);
    add(group, "cgroup.procs", "");
    if (name == "cpu")
      add(group, "cpu.cfs_quota_us", "-1"), add(group, "cpu.cfs_period_us", "100000"),
          add(group, "cpu.cfs_burst_us", "0");
    if (name == "cpuacct") add(group, "cpuacct.usage", "0");
    if (name == "memory")
      add(group, "memory.limit_in_bytes", "9223372036854771712"),
          add(group, "memory.memsw.limit_in_bytes", "9223372036854771712"),
          add(group, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    if (name == "cpuset") add(group, "cpuset.cpus", "\n"), add(group, "cpuset.mems", "\n");
    if (name == "pids") add(group, "pids.max", "max");
    if (name == "freezer") add(group, "freezer.state", "THAWED");
    if (name != "cg" && name != "unified") return;
    for (const char* file : {"cgroup.kill", "cgroup.freeze", "cgroup.subtree_control", "cpu.stat"})
      add(group, file, "");
    const std::string above = files[group.substr(0, group.rfind('/')) + "/cgroup.subtree_control"];
    add(group, "cgroup.controllers", above.c_str());
    const cgroups::Controllers here = cgroups::parse_controllers(above, ' ');
    if (here.has(cgroups::Controller::cpu)) add(group, "cpu.max", "max 100000"), add(group, "cpu.max.burst", "0");
    if (here.has(cgroups::Controller::cpuset)) add(group, "cpuset.cpus", "\n");
    if (here.has(cgroups::Controller::pids)) add(group, "pids.max", "max");
    if (here.has(cgroups::Controller::memory))
      add(group, "memory.max", "max"), add(group, "memory.swap.max", "max"), add(group, "memory.oom.group", "0"),
          add(group, "memory.events", "oom 0\noom_kill 0\noom_group_kill 0\n");
  }
  // Only what a group has may be offered to those in it, and none that has processes of its own offers anything.
  int offer(const std::string& group, std::string_view text) const {
    if (busy.contains(group)) return EBUSY;
    const cgroups::Controllers here = cgroups::parse_controllers(one_line(files[group + "/cgroup.controllers"]), ' ');
    std::string& offered = files[group + "/cgroup.subtree_control"];
    std::string words(text);
    for (char& c : words)
      if (c == '+') c = ' ';
    const cgroups::Controllers wanted = cgroups::parse_controllers(words, ' ');
    using cgroups::Controller;
    for (const auto one : {Controller::cpu, Controller::memory, Controller::pids, Controller::cpuset}) {
      if (!wanted.has(one)) continue;
      if (!here.has(one)) return ENOENT;
      cgroups::Controllers name;
      name.add(one);
      offered += (offered.empty() ? "" : " ") + name.to_string();
    }
    return 0;
  }
  static std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

  std::vector<std::string> trees_;
};

}  // namespace sluice::test
