#include "daemon/cgroups/worker_cgroup.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>

#include "base/log.h"

namespace sluice::cgroups {
namespace {

constexpr std::uint64_t period_us = 10'000, quota_us_min = 1'000, period_us_max = 1'000'000;
constexpr int kill_rounds_max = 8;
constexpr int depth_max = 8;  // of groups inside a worker's, which nothing makes

std::uint64_t number_in(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "oom_kill 3" among other lines; 0: no such line.
std::uint64_t count_in(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(name) && line.substr(name.size()).starts_with(' '))
      return number_in(line.substr(name.size() + 1));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return 0;
}

// The processes in a cgroup.procs. 0 is one of another PID namespace, which cannot be named here.
std::vector<pid_t> parse_members(std::string_view text) {
  std::vector<pid_t> members;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const auto pid = static_cast<pid_t>(number_in(text.substr(0, end))); pid > 0) members.push_back(pid);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return members;
}

bool remove_below(const GroupFiles& files, const std::string& path, int depth) {
  if (depth > 0)
    for (const std::string& name : files.folders(path)) (void)remove_below(files, path + "/" + name, depth - 1);
  const int error = files.remove_folder(path);
  return error == 0 || error == ENOENT;
}

}  // namespace

const Tree* Layout::with(Controller controller) const {
  for (const Tree& tree : trees)
    if (tree.hierarchy.controllers.has(controller)) return &tree;
  return nullptr;
}

bool binds_only(const Tree& tree) {
  Controllers rest = tree.hierarchy.controllers;
  rest.remove(Controller::cpuset);
  return !tree.hierarchy.unified && !rest.any();
}

Status inherit_cpus(const GroupFiles& files, const std::string& group) {
  const std::string above = group.substr(0, group.rfind('/'));
  for (const char* file : {"/cpuset.mems", "/cpuset.cpus"}) {
    if (files.read(group + file).find_first_not_of('\n') != std::string::npos) continue;
    std::string text = files.read(above + file);
    if (!text.empty() && text.back() == '\n') text.pop_back();
    if (const int error = files.write(group + file, text); error != 0)
      return errno_status("write " + text + " to " + group + file, error);
  }
  return Status();
}

CpuQuota cpu_quota(std::uint32_t milli_cores) {
  const std::uint64_t milli = std::max(milli_cores, 1u);
  if (milli * period_us / 1000 >= quota_us_min) return {milli * period_us / 1000, period_us};
  return {quota_us_min, std::min(quota_us_min * 1000 / milli, period_us_max)};
}

// ---- counting ----

std::optional<Nanoseconds> CpuCount::cpu_ns() const {
  constexpr std::string_view usage = "usage_usec ";  // the first line of a cpu.stat
  char text[64];
  const ssize_t length = pread(file_.get(), text, sizeof text, 0);
  if (length <= 0) return std::nullopt;
  std::string_view rest(text, static_cast<std::size_t>(length));
  if (!unified_) return number_in(rest);
  if (!rest.starts_with(usage)) return std::nullopt;
  return number_in(rest.substr(usage.size())) * ns_per_us;
}

void WorkerCgroup::open_count() {
  const Tree* tree = layout_->with(Controller::cpuacct);
  if (tree == nullptr) return;
  const bool unified = tree->hierarchy.unified;
  UniqueFd file = layout_->files->open(worker(*tree) + (unified ? "/cpu.stat" : "/cpuacct.usage"));
  if (file.valid()) cpu_ = std::make_shared<const CpuCount>(std::move(file), unified);
}

std::uint64_t WorkerCgroup::memory_kills() const {
  const Tree* tree = layout_->with(Controller::memory);
  if (tree == nullptr) return 0;
  const char* file = tree->hierarchy.unified ? "/memory.events" : "/memory.oom_control";
  return count_in(layout_->files->read(worker(*tree) + file), "oom_kill");
}

// ---- making, and limits ----

WorkerCgroup::WorkerCgroup(std::shared_ptr<const Layout> layout, std::uint32_t number)
    : layout_(std::move(layout)), number_(number) {}

std::string WorkerCgroup::session(const Tree& tree) const { return tree.base + "/" + std::to_string(number_); }
std::string WorkerCgroup::worker(const Tree& tree) const { return session(tree) + "/worker"; }

// The one by which it is killed comes first, the one that may slow it down last: so that no process can be out of reach
// for long on its way in.
std::vector<std::string> WorkerCgroup::procs_files() const {
  std::vector<std::string> files;
  const auto add = [&](bool limits_cpu, bool kills) {
    for (const Tree& tree : layout_->trees)
      if (tree.hierarchy.controllers.has(Controller::cpu) == limits_cpu && (&tree == layout_->killing) == kills &&
          has_group_in(tree))
        files.push_back(worker(tree) + "/cgroup.procs");
  };
  for (const bool limits_cpu : {false, true})
    for (const bool kills : {true, false}) add(limits_cpu, kills);
  return files;
}

Status WorkerCgroup::make(const std::string& cpus) {
  bound_ = !cpus.empty();
  for (const Tree& tree : layout_->trees)
    if (has_group_in(tree)) SLUICE_TRY(make_in(tree, cpus));
  open_count();
  return cpu_ != nullptr ? Status() : Status(Code::unsupported, "this kernel counts no CPU time of control groups");
}

bool WorkerCgroup::has_group_in(const Tree& tree) const {
  if (!binds_only(tree)) return true;
  return bound_ && layout_->files->read(tree.base + "/cpuset.cpus").find_first_not_of('\n') != std::string::npos;
}

Status WorkerCgroup::make_in(const Tree& tree, const std::string& cpus) const {
  if (const int error = layout_->files->make_folder(session(tree)); error != 0)
    return errno_status("make the control group " + session(tree), error);
  SLUICE_TRY(bind(tree, session(tree), cpus));
  SLUICE_TRY(pass_on(tree));
  if (const int error = layout_->files->make_folder(worker(tree)); error != 0)
    return errno_status("make the control group " + worker(tree), error);
  return tree.hierarchy.unified ? Status() : bind(tree, worker(tree), cpus);
}

// In the unified tree a group has what the one above it has, unless it says otherwise.
Status WorkerCgroup::bind(const Tree& tree, const std::string& group, const std::string& cpus) const {
  if (!tree.hierarchy.controllers.has(Controller::cpuset)) return Status();
  if (!tree.hierarchy.unified) {
    if (!cpus.empty()) SLUICE_TRY(write(group + "/cpuset.cpus", cpus));
    return inherit_cpus(*layout_->files, group);
  }
  const std::string file = group + "/cpuset.cpus";
  return cpus.empty() || !layout_->files->exists(file) ? Status() : write(file, cpus);
}

// In the unified tree controllers are offered level by level. The inner group needs the CPU's for its limit, and the
// memory's for its count of kills.
Status WorkerCgroup::pass_on(const Tree& tree) const {
  std::string wanted;
  if (tree.hierarchy.unified && tree.hierarchy.controllers.has(Controller::cpu)) wanted = "+cpu";
  if (tree.hierarchy.unified && tree.hierarchy.controllers.has(Controller::memory)) wanted += " +memory";
  return wanted.empty() ? Status() : write(session(tree) + "/cgroup.subtree_control", wanted);
}

Status WorkerCgroup::write(const std::string& path, const std::string& text) const {
  const int error = layout_->files->write(path, text);
  return error == 0 ? Status() : errno_status("write " + text + " to " + path, error);
}

Status WorkerCgroup::limit(const Limits& limits) {
  SLUICE_TRY(limit_memory(limits.memory_bytes));
  SLUICE_TRY(limit_processes(limits.processes));
  return limit_cpu(limits.milli_cores);
}

Status WorkerCgroup::limit_memory(std::uint64_t bytes) {
  const Tree* tree = layout_->with(Controller::memory);
  if (tree == nullptr) return Status(Code::unsupported, "no memory controller");
  const std::string group = session(*tree), text = std::to_string(bytes);
  memory_limit_bytes_ = bytes;
  if (tree->hierarchy.unified) {
    (void)layout_->files->write(group + "/memory.swap.max", "0");   // no such file where there is no swap
    (void)layout_->files->write(group + "/memory.oom.group", "1");  // since Linux 4.19
    return write(group + "/memory.max", text);
  }
  // The limit of memory and swap must never be below that of memory: which goes first depends on where they come from.
  const std::string with_swap = group + "/memory.memsw.limit_in_bytes";
  (void)layout_->files->write(with_swap, text);
  Status set = write(group + "/memory.limit_in_bytes", text);
  (void)layout_->files->write(with_swap, text);
  return set;
}

Status WorkerCgroup::limit_processes(std::uint32_t count) {
  const Tree* tree = layout_->with(Controller::pids);
  if (tree == nullptr) return Status(Code::unsupported, "no pids controller");
  return write(session(*tree) + "/pids.max", std::to_string(count));
}

// A lease under a cap comes in turns that are longer than a period: what was not used before pays for them. Kernels
// before Linux 5.14 have no bursts, and there such a turn stands still for a part of it. A burst may never be more than
// the quota, so it goes first and comes last.
Status WorkerCgroup::limit_cpu(std::optional<std::uint32_t> milli_cores) {
  const Tree* tree = layout_->with(Controller::cpu);
  if (tree == nullptr) return Status(Code::unsupported, "no cpu controller");
  const std::string group = worker(*tree);
  const std::string burst = group + (tree->hierarchy.unified ? "/cpu.max.burst" : "/cpu.cfs_burst_us");
  const auto quota = milli_cores ? std::optional(cpu_quota(*milli_cores)) : std::nullopt;
  if (quota) (void)layout_->files->write(burst, "0");
  const Status set = tree->hierarchy.unified ? limit_unified_cpu(group, quota) : limit_v1_cpu(group, quota);
  if (set.ok() && quota) (void)layout_->files->write(burst, std::to_string(quota->quota_us));
  return set;
}

Status WorkerCgroup::limit_unified_cpu(const std::string& group, const std::optional<CpuQuota>& quota) const {
  const std::string limit = quota ? std::to_string(quota->quota_us) + " " + std::to_string(quota->period_us) : "max";
  return write(group + "/cpu.max", limit);
}

// A quota is checked against the period that stands: without one, any period is fine.
Status WorkerCgroup::limit_v1_cpu(const std::string& group, const std::optional<CpuQuota>& quota) const {
  if (Status lifted = write(group + "/cpu.cfs_quota_us", "-1"); !lifted.ok() || !quota) return lifted;
  SLUICE_TRY(write(group + "/cpu.cfs_period_us", std::to_string(quota->period_us)));
  return write(group + "/cpu.cfs_quota_us", std::to_string(quota->quota_us));
}

// ---- the end ----

void WorkerCgroup::kill() {
  (void)limit_cpu(std::nullopt);
  if (const Tree* tree = layout_->killing; tree != nullptr) {
    if (layout_->files->write(session(*tree) + "/cgroup.kill", "1") == 0) return;
    if (!layout_->files->exists(session(*tree))) return;
  }
  kill_one_by_one();
}

// While its processes are stopped none of them can start another. Those of v1 die once they go on.
void WorkerCgroup::kill_one_by_one() {
  const Tree* tree = layout_->freezing != nullptr ? layout_->freezing : &layout_->trees.front();
  const bool unified = tree->hierarchy.unified;
  const std::string state = session(*tree) + (unified ? "/cgroup.freeze" : "/freezer.state");
  const std::string procs = worker(*tree) + "/cgroup.procs";
  for (int round = 0; round < kill_rounds_max; ++round) {
    (void)layout_->files->write(state, unified ? "1" : "FROZEN");
    kill_members(procs);
    (void)layout_->files->write(state, unified ? "0" : "THAWED");
    if (layout_->files->read(procs).empty()) return;
  }
}

// A process number may come to mean another process between two moments, a pidfd may not: who is still a member after
// it was opened is the one that it means.
void WorkerCgroup::kill_members(const std::string& procs_file) {
  std::map<pid_t, UniqueFd> held;
  for (const pid_t pid : parse_members(layout_->files->read(procs_file)))
    held.emplace(pid, UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
  for (const pid_t pid : parse_members(layout_->files->read(procs_file)))
    if (const auto found = held.find(pid); found != held.end() && found->second.valid())
      (void)syscall(SYS_pidfd_send_signal, found->second.get(), SIGKILL, nullptr, 0);
}

bool WorkerCgroup::remove() {
  bool removed = true;
  for (const Tree& tree : layout_->trees) removed = remove_below(*layout_->files, session(tree), depth_max) && removed;
  return removed;
}

std::function<void()> WorkerCgroup::removal() const {
  return [layout = layout_, number = number_] {
    constexpr timespec pause{0, 2'000'000};
    WorkerCgroup group(layout, number);
    const Nanoseconds deadline_ns = now_ns() + removal_ns_max;
    do {
      if (group.remove()) return;
      group.kill();
      nanosleep(&pause, nullptr);
    } while (now_ns() < deadline_ns);
    log::warn("the control groups of worker {} could not be removed: a process of it does not end", number);
  };
}

}  // namespace sluice::cgroups
