#include "daemon/cgroups/cgroups.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>

namespace sluice::cgroups {
namespace {

constexpr std::string_view delegated = "/sluice.slice/sluice-workers.service";
constexpr std::string_view plain = "/sluice";

// "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope": up to and with what systemd gives its user.
std::optional<std::string> group_of_user(std::string_view own_groups) {
  const std::size_t line = own_groups.find("0::");
  if (line == std::string_view::npos) return std::nullopt;
  const std::string_view path = own_groups.substr(line + 3, own_groups.find('\n', line) - line - 3);
  const std::size_t service = path.find("/user@");
  if (service == std::string_view::npos) return std::nullopt;
  return std::string(path.substr(0, path.find('/', service + 1)));
}

bool all_hold(const std::vector<Tree>& trees, Controller controller) {
  for (const Tree& tree : trees)
    if (tree.hierarchy.controllers.has(controller)) return true;
  return false;
}

// Of each hierarchy, what workers use of it. What a v1 tree has is not in the unified one; every unified group counts
// CPU time and can be killed, whatever its controllers are.
std::vector<Tree> choose(const std::vector<Hierarchy>& hierarchies) {
  std::vector<Tree> trees;
  for (const Hierarchy& hierarchy : hierarchies)
    if (hierarchy.unified || hierarchy.controllers.any()) trees.push_back({hierarchy, ""});
  for (Tree& tree : trees)
    if (tree.hierarchy.unified && !all_hold(trees, Controller::cpuacct))
      tree.hierarchy.controllers.add(Controller::cpuacct);
  // Workers that are not bound to CPUs have no group in what is for that alone: it comes last.
  std::stable_partition(trees.begin(), trees.end(), [](const Tree& tree) { return !binds_only(tree); });
  return trees;
}

Status check(const std::vector<Tree>& trees) {
  Controllers missing;
  for (const Controller needed : {Controller::cpu, Controller::cpuacct, Controller::memory, Controller::pids})
    if (!all_hold(trees, needed)) missing.add(needed);
  if (missing.any())
    return Status(Code::unsupported, trees.empty()
                                         ? "this machine has no control groups mounted (/sys/fs/cgroup)"
                                         : "this machine offers no control group for: " + missing.to_string());
  return Status();
}

// The controllers of a unified tree that are offered level by level. CPU time is counted without one.
Controllers offered(const Hierarchy& hierarchy) {
  Controllers controllers = hierarchy.controllers;
  controllers.remove(Controller::cpuacct);
  controllers.remove(Controller::freezer);
  return controllers;
}

Status offer(const GroupFiles& files, const std::string& group, const Controllers& wanted) {
  const std::string path = group + "/cgroup.subtree_control";
  std::string present = files.read(path);
  if (!present.empty() && present.back() == '\n') present.pop_back();
  const Controllers have = parse_controllers(present, ' ');
  for (const Controller controller : {Controller::cpu, Controller::memory, Controller::pids}) {
    if (!wanted.has(controller) || have.has(controller)) continue;
    Controllers one;
    one.add(controller);
    const int error = files.write(path, "+" + one.to_string());
    if (error == EBUSY)
      return Status(Code::unavailable, "the control group " + group +
                                           " has processes of its own, so that its controllers cannot be passed on; "
                                           "name another one in jail.cgroup");
    if (error != 0) return errno_status("offer the controller " + one.to_string() + " below " + group, error);
  }
  if (wanted.has(Controller::cpuset) && !have.has(Controller::cpuset)) (void)files.write(path, "+cpuset");
  return Status();
}

// Makes each folder of the path below the tree's root. Another pool may take away what is empty: so more than once.
Status make_path(const GroupFiles& files, const Hierarchy& hierarchy, const std::string& path) {
  std::string made = hierarchy.mount;
  std::size_t at = 0;
  while (at < path.size()) {
    if (hierarchy.unified) SLUICE_TRY(offer(files, made, offered(hierarchy)));
    const std::size_t end = std::min(path.find('/', at + 1), path.size());
    made += path.substr(at, end - at);
    if (const int error = files.make_folder(made); error != 0)
      return errno_status("make the control group " + made, error);
    if (!hierarchy.unified && hierarchy.controllers.has(Controller::cpuset)) SLUICE_TRY(inherit_cpus(files, made));
    at = end;
  }
  if (hierarchy.unified) return offer(files, made, offered(hierarchy));
  // What is needed on kernels before 5.11; newer ones know nothing else.
  if (hierarchy.controllers.has(Controller::memory)) (void)files.write(made + "/memory.use_hierarchy", "1");
  return Status();
}

Status make_base(const GroupFiles& files, const Hierarchy& hierarchy, const std::string& path) {
  Status made;
  for (int attempt = 0; attempt < 3; ++attempt) {
    made = make_path(files, hierarchy, path);
    if (made.code() != Code::not_found) break;
  }
  return made;
}

std::optional<std::uint32_t> worker_number(const std::string& name) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string pool_name(const std::string& runtime_folder) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char c : runtime_folder) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string default_group(const GroupFiles& files, const std::vector<Hierarchy>& hierarchies,
                          std::string_view own_groups) {
  for (const Hierarchy& hierarchy : hierarchies)
    if (files.exists(hierarchy.mount + std::string(delegated))) return std::string(delegated);
  if (const auto user = group_of_user(own_groups)) return *user + std::string(plain);
  return std::string(plain);
}

Result<Cgroups> Cgroups::open(const GroupFiles& files, const std::vector<Hierarchy>& hierarchies,
                              const PoolGroup& place) {
  auto layout = std::make_shared<Layout>();
  layout->files = &files;
  layout->trees = choose(hierarchies);
  SLUICE_TRY(check(layout->trees));
  for (Tree& tree : layout->trees) {
    tree.base = tree.hierarchy.mount + place.group + "/" + place.pool;
    // What only binds workers is made with the first worker that is bound.
    if (!binds_only(tree)) SLUICE_TRY(make_base(files, tree.hierarchy, place.group + "/" + place.pool));
  }
  for (const Tree& tree : layout->trees) {
    if (tree.hierarchy.unified && files.exists(tree.base + "/cgroup.kill")) layout->killing = &tree;
    const bool freezes = tree.hierarchy.unified ? files.exists(tree.base + "/cgroup.freeze")
                                                : tree.hierarchy.controllers.has(Controller::freezer);
    if (freezes && layout->freezing == nullptr) layout->freezing = &tree;
  }
  return Cgroups(std::move(layout));
}

// One that cannot be had is done without.
void Cgroups::make_binding_trees() const {
  for (const Tree& tree : layout_->trees)
    if (binds_only(tree))
      (void)make_base(*layout_->files, tree.hierarchy, tree.base.substr(tree.hierarchy.mount.size()));
}

Result<WorkerCgroup> Cgroups::make(std::uint32_t number, const Limits& limits) const {
  if (!limits.cpus.empty()) make_binding_trees();
  WorkerCgroup group(layout_, number);
  Status made = group.make(limits.cpus);
  if (made.ok()) made = group.limit(limits);
  if (made.ok()) return group;
  (void)group.remove();
  return made;
}

Result<WorkerCgroup> Cgroups::adopt(std::uint32_t number) const {
  WorkerCgroup group(layout_, number);
  group.open_count();
  if (group.cpu() == nullptr)
    return Status(Code::not_found, "worker " + std::to_string(number) + " has no control group");
  return group;
}

std::vector<WorkerCgroup> Cgroups::leftovers(const std::set<std::uint32_t>& living) const {
  std::set<std::uint32_t> numbers;
  for (const Tree& tree : layout_->trees)
    for (const std::string& name : layout_->files->folders(tree.base))
      if (const auto number = worker_number(name); number && !living.contains(*number)) numbers.insert(*number);
  std::vector<WorkerCgroup> groups;
  for (const std::uint32_t number : numbers) groups.emplace_back(layout_, number);
  return groups;
}

void Cgroups::remove() const {
  for (const Tree& tree : layout_->trees) {
    (void)layout_->files->remove_folder(tree.base);
    const std::string above = tree.base.substr(0, tree.base.rfind('/'));
    if (above.ends_with(plain)) (void)layout_->files->remove_folder(above);
  }
}

}  // namespace sluice::cgroups
