#include "daemon/server/cache/cache_janitor.h"

#include <functional>

#include "daemon/server/cache/tenant_cache.h"
#include "tests/daemon/server/cache/scratch_folder.h"

using namespace sluice;
using namespace sluice::server;
using namespace sluice::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint8_t uuid[16] = {1};

struct Place {
  ScratchFolder scratch;
  TenantCache cache{scratch.path(), geteuid()};
  Place() { REQUIRE(cache.open(1, {1, 2, 3}).ok()); }
  std::string of(std::uint64_t tenant) { return cache.path(tenant, uuid); }
  CacheJanitor::Rules rules() const {
    CacheJanitor::Rules rules;
    rules.folder = scratch.path();
    rules.tenant_bytes_max = 300 * kib;
    rules.disk_free_min_percent = 0;
    rules.look_ns = 20 * ns_per_ms;
    rules.measure_ns = 50 * ns_per_ms;
    return rules;
  }
};

bool soon(const std::function<bool()>& condition) {
  const Nanoseconds deadline = now_ns() + 20 * ns_per_s;
  while (now_ns() < deadline) {
    if (condition()) return true;
    usleep(5000);
  }
  return false;
}

std::size_t entries(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

void fill(const std::string& folder, int files) {
  for (int i = 0; i < files; ++i) make_file(folder + "/" + std::to_string(i), 100 * kib);
}

}  // namespace

TEST_CASE("what an earlier daemon left over the quota goes at start") {
  Place place;
  const std::string folder = place.of(1);
  fill(folder, 10);
  CacheJanitor janitor(place.rules());
  janitor.start();
  CHECK(soon([&] { return entries(folder) <= 2; }));
}

TEST_CASE("a tenant's cache is brought below its quota when its last session ends") {
  Place place;
  const std::string folder = place.of(1);
  CacheJanitor janitor(place.rules());
  janitor.start();
  janitor.session_changed(1, true);
  fill(folder, 5);  // above the quota, and below twice of it
  usleep(300'000);
  CHECK(entries(folder) == 5);
  janitor.session_changed(1, false);
  CHECK(soon([&] { return entries(folder) <= 2; }));
  CHECK(soon([&] { return fs::is_empty(place.scratch.at("removed")); }));
}

TEST_CASE("a cache that grows beyond twice its quota is emptied under its sessions") {
  Place place;
  const std::string folder = place.of(1), other = place.of(2);
  fill(other, 2);
  CacheJanitor janitor(place.rules());
  janitor.start();
  janitor.session_changed(1, true);
  janitor.session_changed(2, true);
  const ScratchFolder grown;
  fill(grown.path(), 20);
  fs::rename(grown.path(), folder + "/grown");  // all at once: what comes after the janitor has looked may stay
  CHECK(soon([&] { return fs::is_empty(folder); }));
  CHECK(soon([&] { return fs::is_empty(place.scratch.at("removed")); }));
  CHECK(entries(other) == 2);
}

TEST_CASE("a removed tenant's cache goes, however hostile it is") {
  Place place;
  const std::string folder = place.of(1);
  const ScratchFolder outside;
  make_file(outside.at("precious"));
  make_strange(folder + "/strange", outside.path());
  make_deep(folder + "/deep", 5000);
  CacheJanitor janitor(place.rules());
  janitor.start();
  janitor.tenant_removed(1);
  CHECK(soon([&] { return !fs::exists(place.scratch.at("1")) && fs::is_empty(place.scratch.at("removed")); }));
  CHECK(fs::exists(outside.at("precious")));
}

TEST_CASE("a disk that is too full empties the caches, and nobody gets one") {
  Place place;
  const std::string folder = place.of(1);
  fill(folder, 1);
  CacheJanitor::Rules rules = place.rules();
  rules.disk_free_min_percent = 100;
  CacheJanitor janitor(rules);
  place.cache.withhold_while([&] { return janitor.disk_is_full(); });
  CHECK(place.cache.mount(1, uuid, geteuid()).valid());
  janitor.start();
  CHECK(soon([&] { return fs::is_empty(folder) && janitor.disk_is_full(); }));
  CHECK_FALSE(place.cache.mount(1, uuid, geteuid()).valid());
}

TEST_CASE("a janitor ends at once in the middle of its work") {
  Place place;
  make_deep(place.of(1) + "/deep", 10'000);
  CacheJanitor janitor(place.rules());
  janitor.start();
  janitor.tenant_removed(1);
  usleep(20'000);
}
