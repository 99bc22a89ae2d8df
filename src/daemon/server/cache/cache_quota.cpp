#include "daemon/server/cache/cache_quota.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sluice::server {
namespace {

// What goes as one: a file, or a folder so deep below the tenant's that it is one program's, as
// <device>/<driver>/ab/cdef.
constexpr int unit_depth = 4;

struct Unit {
  std::vector<std::string> path;  // from the tenant's folder
  std::uint64_t bytes = 0;
  std::int64_t used_s = 0;  // the latest time of change in it
};

class Walk {
 public:
  explicit Walk(WorkBudget& budget) : budget_(budget) {}

  void folder(int fd, int depth) {
    if (depth > cache_depth_max) return fail();
    const Status listed = for_each_name(fd, [&](const char* name) {
      entry(fd, name, depth);
      return usage_.measured;
    });
    if (!listed.ok()) fail();
  }

  const CacheUsage& usage() const { return usage_; }
  std::vector<Unit>& units() { return units_; }

 private:
  void fail() { usage_.measured = false; }

  // depth: of the folder that it lies in; the tenant's is 0.
  void entry(int parent, const char* name, int depth) {
    struct stat info {};
    if (!budget_.spend() || ++usage_.entries > cache_entries_max) return fail();
    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;  // it has just gone
    const bool is_folder = S_ISDIR(info.st_mode);
    path_.emplace_back(name);
    if (depth < unit_depth && (!is_folder || depth + 1 == unit_depth)) units_.push_back({path_, 0, 0});
    count(info, depth);
    if (is_folder) descend(parent, name, depth + 1);
    path_.pop_back();
  }

  void count(const struct stat& info, int depth) {
    const std::uint64_t bytes = std::max(static_cast<std::uint64_t>(info.st_blocks) * 512, cache_entry_bytes_min);
    usage_.bytes += bytes;
    const bool in_unit = !units_.empty() && path_.size() >= units_.back().path.size() &&
                         std::equal(units_.back().path.begin(), units_.back().path.end(), path_.begin());
    if (!in_unit || depth == 0) return;
    units_.back().bytes += bytes;
    units_.back().used_s = std::max<std::int64_t>(units_.back().used_s, info.st_mtime);
  }

  void descend(int parent, const char* name, int depth) {
    const auto fd = open_folder(parent, name);
    if (fd.ok()) folder(fd.value().get(), depth);
    else if (fd.status().code() != Code::not_found) fail();
  }

  WorkBudget& budget_;
  CacheUsage usage_;
  std::vector<Unit> units_;
  std::vector<std::string> path_;
};

void put_unit_aside(int folder, const Unit& unit, int removed) {
  UniqueFd parent(fcntl(folder, F_DUPFD_CLOEXEC, 0));
  for (std::size_t i = 0; i + 1 < unit.path.size(); ++i) {
    auto next = open_folder(parent.get(), unit.path[i].c_str());
    if (!next.ok()) return;
    parent = next.take();
  }
  (void)put_aside(parent.get(), unit.path.back().c_str(), removed);
}

}  // namespace

CacheUsage measure_cache(int folder, WorkBudget& budget) {
  Walk walk(budget);
  walk.folder(folder, 0);
  return walk.usage();
}

CacheUsage trim_cache(int folder, std::uint64_t bytes_max, int removed, WorkBudget& budget) {
  Walk walk(budget);
  walk.folder(folder, 0);
  CacheUsage left = walk.usage();
  if (budget.stopped()) return left;
  if (!left.measured) {
    WorkBudget more{budget.entries + cache_entries_max, budget.until_ns + ns_per_s, budget.stop};
    empty_cache(folder, removed, more);
    return {0, 0, false};
  }
  std::sort(walk.units().begin(), walk.units().end(), [](const Unit& a, const Unit& b) { return a.used_s < b.used_s; });
  for (const Unit& unit : walk.units()) {
    if (left.bytes <= bytes_max) break;
    put_unit_aside(folder, unit, removed);
    left.bytes -= std::min(left.bytes, unit.bytes);
  }
  return left;
}

void empty_cache(int folder, int removed, WorkBudget& budget) {
  (void)for_each_name(folder, [&](const char* device) {
    const auto fd = open_folder(folder, device);
    if (!fd.ok()) return put_aside(folder, device, removed).ok() && budget.spend();
    (void)for_each_name(fd.value().get(), [&](const char* name) {
      (void)put_aside(fd.value().get(), name, removed);
      return budget.spend();
    });
    return !budget.used_up();
  });
}

}  // namespace sluice::server
