#include "daemon/server/cache/cache_janitor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

#include "base/contract.h"
#include "base/log.h"
#include "base/units.h"
#include "daemon/server/cache/cache_quota.h"
#include "daemon/server/cache/tenant_cache.h"

namespace sluice::server {
namespace {

constexpr int politeness = 10;  // of the thread: see setpriority(2)
constexpr Nanoseconds stop_ns_max = ns_per_s / 2;
constexpr Nanoseconds walk_ns_max = 5 * ns_per_s;
constexpr Nanoseconds removal_ns = 100 * ns_per_ms;  // at a stretch
constexpr std::uint64_t removal_entries = 5000;
constexpr Nanoseconds again_ns = 5 * ns_per_s;  // when something could not be removed

struct Disk {
  std::uint64_t bytes = 0, free_bytes = 0;
};

Disk look_at_disk(int folder) {
  struct statvfs disk {};
  if (fstatvfs(folder, &disk) != 0) return {};
  return {disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize};
}

std::optional<std::uint64_t> tenant_id(const char* name) {
  std::uint64_t id = 0;
  const char* end = name + std::strlen(name);
  const auto parsed = std::from_chars(name, end, id);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(id) : std::nullopt;
}

}  // namespace

struct CacheJanitor::Shared {
  Rules rules;
  std::atomic<bool> stop{false}, disk_is_full{false};
  std::mutex lock;  // over all below
  std::condition_variable changed;
  bool running = false;
  std::map<std::uint64_t, std::size_t> live;  // tenants with sessions, and how many
  std::set<std::uint64_t> ended, removed;     // to be looked at, to be deleted

  void run();

 private:
  struct Work {
    std::set<std::uint64_t> live, ended, removed;
  };
  Work wait(Nanoseconds until);
  Nanoseconds next_wake(bool anybody_lives, bool leftovers) const;
  bool open();
  void look_at_living(const std::set<std::uint64_t>& tenants, const Disk& disk);
  void round(const Work& work);
  void keep_room(const Work& work, const Disk& disk);
  void trim(std::uint64_t tenant, std::uint64_t bytes_max);
  void empty(const std::set<std::uint64_t>& but);
  bool remove_some();
  std::vector<std::uint64_t> tenants() const;
  WorkBudget walk_budget() const { return {2 * cache_entries_max, now_ns() + walk_ns_max, &stop}; }

  // Of the thread alone.
  UniqueFd cache_, removed_;
  std::uint64_t free_before_ = 0;
  Nanoseconds measured_ns_ = 0, round_ns_ = 0;
};

CacheJanitor::CacheJanitor(Rules rules) : shared_(std::make_shared<Shared>()) { shared_->rules = std::move(rules); }

CacheJanitor::~CacheJanitor() {
  shared_->stop = true;
  std::unique_lock guard(shared_->lock);
  shared_->changed.notify_all();
  (void)shared_->changed.wait_for(guard, std::chrono::nanoseconds(stop_ns_max), [this] { return !shared_->running; });
}

void CacheJanitor::start() {
  std::lock_guard guard(shared_->lock);
  SLUICE_REQUIRE(!shared_->running);
  try {
    std::thread([shared = shared_] { shared->run(); }).detach();
    shared_->running = true;
  } catch (const std::system_error&) {
    log::warn("no thread to keep the tenants' caches small");
  }
}

void CacheJanitor::session_changed(std::uint64_t tenant, bool began) {
  std::lock_guard guard(shared_->lock);
  if (!shared_->running) return;
  if (began) {
    ++shared_->live[tenant];
  } else {
    const auto found = shared_->live.find(tenant);
    if (found != shared_->live.end() && --found->second == 0) shared_->live.erase(found);
    shared_->ended.insert(tenant);
  }
  shared_->changed.notify_all();
}

void CacheJanitor::tenant_removed(std::uint64_t tenant) {
  std::lock_guard guard(shared_->lock);
  if (!shared_->running) return;
  shared_->removed.insert(tenant);
  shared_->changed.notify_all();
}

bool CacheJanitor::disk_is_full() const { return shared_->disk_is_full; }

// ---- the thread ----

void CacheJanitor::Shared::run() {
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), politeness);
  bool leftovers = open();
  for (Work work = wait(0); !stop; work = wait(next_wake(!work.live.empty(), leftovers))) {
    if (!cache_.valid()) continue;
    for (const std::uint64_t tenant : work.removed)
      (void)put_aside(cache_.get(), std::to_string(tenant).c_str(), removed_.get());
    for (const std::uint64_t tenant : work.ended)
      if (!work.live.contains(tenant)) trim(tenant, rules.tenant_bytes_max);
    const Disk disk = look_at_disk(cache_.get());
    look_at_living(work.live, disk);
    if (now_ns() >= round_ns_) round(work);
    keep_room(work, disk);
    leftovers = remove_some();
  }
  std::lock_guard guard(lock);
  running = false;
  changed.notify_all();
}

bool CacheJanitor::Shared::open() {
  auto cache = open_folder(AT_FDCWD, rules.folder.c_str());
  auto aside = cache.ok() ? open_folder(cache.value().get(), removed_folder) : Result<UniqueFd>(cache.status());
  if (!aside.ok()) {
    log::warn("the tenants' caches are not kept small: {}", aside.status().message());
    return false;
  }
  cache_ = cache.take();
  removed_ = aside.take();
  return true;
}

CacheJanitor::Shared::Work CacheJanitor::Shared::wait(Nanoseconds until) {
  std::unique_lock guard(lock);
  const Nanoseconds now = now_ns();
  const std::chrono::nanoseconds patience(until > now ? until - now : 0);
  (void)changed.wait_for(guard, patience, [this] { return stop || !ended.empty() || !removed.empty(); });
  Work work;
  for (const auto& [tenant, sessions] : live) work.live.insert(tenant);
  work.ended = std::exchange(ended, {});
  work.removed = std::exchange(removed, {});
  return work;
}

Nanoseconds CacheJanitor::Shared::next_wake(bool anybody_lives, bool leftovers) const {
  Nanoseconds wake = round_ns_;
  if (anybody_lives || disk_is_full) wake = std::min(wake, now_ns() + rules.look_ns);
  if (leftovers) wake = std::min(wake, now_ns() + std::min(again_ns, rules.look_ns));
  return wake;
}

void CacheJanitor::Shared::trim(std::uint64_t tenant, std::uint64_t bytes_max) {
  const auto folder = open_folder(cache_.get(), std::to_string(tenant).c_str());
  if (!folder.ok()) return;
  WorkBudget budget = walk_budget();
  const CacheUsage left = trim_cache(folder.value().get(), bytes_max, removed_.get(), budget);
  if (!left.measured && !stop) log::warn("tenant id {}: its cache was no cache of builds and is removed", tenant);
}

// While sessions live a cache may have twice its quota. Beyond that all of it goes: what counts as old is the tenant's
// to say, and it is told to the file system faster than it is measured.
void CacheJanitor::Shared::look_at_living(const std::set<std::uint64_t>& living, const Disk& disk) {
  free_before_ = std::max(free_before_, disk.free_bytes);
  const bool lost_room = disk.free_bytes + rules.tenant_bytes_max / 4 < free_before_;
  if (living.empty()) free_before_ = disk.free_bytes;
  if (living.empty() || (!lost_room && now_ns() < measured_ns_ + rules.measure_ns)) return;
  free_before_ = disk.free_bytes;
  measured_ns_ = now_ns();
  for (const std::uint64_t tenant : living) {
    const auto folder = open_folder(cache_.get(), std::to_string(tenant).c_str());
    if (!folder.ok() || stop) continue;
    WorkBudget budget = walk_budget(), more = walk_budget();
    const CacheUsage usage = measure_cache(folder.value().get(), budget);
    if (stop || (usage.measured && usage.bytes <= 2 * rules.tenant_bytes_max)) continue;
    log::warn("tenant id {}: its cache has more than twice its quota (cache.tenant_max) and is emptied", tenant);
    empty_cache(folder.value().get(), removed_.get(), more);
  }
}

void CacheJanitor::Shared::round(const Work& work) {
  round_ns_ = now_ns() + rules.round_ns;
  for (const std::uint64_t tenant : tenants())
    if (!work.live.contains(tenant) && !stop) trim(tenant, rules.tenant_bytes_max);
}

void CacheJanitor::Shared::keep_room(const Work& work, const Disk& disk) {
  const bool full = disk.bytes > 0 && disk.free_bytes < disk.bytes / 100 * rules.disk_free_min_percent;
  if (full) {
    if (!disk_is_full)
      log::warn("the disk has {} free: caches of builds are emptied (cache.disk_free_min_percent)",
                format_bytes(disk.free_bytes));
    empty(disk_is_full ? std::set<std::uint64_t>() : work.live);  // those in use at the second look
  } else if (disk_is_full) {
    log::info("the disk has room again: sessions have caches of builds");
  }
  disk_is_full = full;
}

void CacheJanitor::Shared::empty(const std::set<std::uint64_t>& but) {
  for (const std::uint64_t tenant : tenants()) {
    const auto folder = open_folder(cache_.get(), std::to_string(tenant).c_str());
    WorkBudget budget = walk_budget();
    if (folder.ok() && !but.contains(tenant)) empty_cache(folder.value().get(), removed_.get(), budget);
  }
}

// True: something is left.
bool CacheJanitor::Shared::remove_some() {
  while (!stop) {
    WorkBudget budget{removal_entries, now_ns() + removal_ns, &stop};
    if (delete_removed(removed_.get(), budget)) return false;
    if (!budget.used_up()) return true;  // somebody still adds to it
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

std::vector<std::uint64_t> CacheJanitor::Shared::tenants() const {
  std::vector<std::uint64_t> all;
  (void)for_each_name(cache_.get(), [&all](const char* name) {
    if (const auto id = tenant_id(name)) all.push_back(*id);
    return true;
  });
  return all;
}

}  // namespace sluice::server
