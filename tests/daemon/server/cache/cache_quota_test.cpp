#include "daemon/server/cache/cache_quota.h"

#include "tests/daemon/server/cache/scratch_folder.h"

using namespace sluice;
using namespace sluice::server;
using namespace sluice::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kib = 1024;

struct Place {
  ScratchFolder scratch;
  UniqueFd tenant, removed;

  Place() {
    for (const char* folder : {"removed", "tenant", "tenant/device", "tenant/device/programs", "tenant/device/pocl"})
      REQUIRE(mkdir(scratch.at(folder).c_str(), 0700) == 0);
    tenant = open_folder(AT_FDCWD, scratch.at("tenant").c_str()).take();
    removed = open_folder(AT_FDCWD, scratch.at("removed").c_str()).take();
  }
  std::string device(const std::string& name) const { return scratch.at("tenant/device/" + name); }
  CacheUsage trim(std::uint64_t bytes_max) const {
    WorkBudget budget{10 * cache_entries_max, now_ns() + 60 * ns_per_s};
    return trim_cache(tenant.get(), bytes_max, removed.get(), budget);
  }
  CacheUsage measure() const {
    WorkBudget budget{10 * cache_entries_max, now_ns() + 60 * ns_per_s};
    return measure_cache(tenant.get(), budget);
  }
};

void make_build(const std::string& path, std::size_t bytes, int age_s) {
  make_file(path, bytes);
  const timespec then{1'700'000'000 - age_s, 0};
  const timespec times[2] = {then, then};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("a cache within its quota is left alone") {
  const Place place;
  make_build(place.device("programs/a"), 100 * kib, 1);
  const CacheUsage left = place.trim(1024 * kib);
  CHECK(left.measured);
  CHECK(left.bytes >= 100 * kib);
  CHECK(left.bytes < 200 * kib);
  CHECK(fs::exists(place.device("programs/a")));
}

TEST_CASE("the oldest builds go first, until the cache has its quota") {
  const Place place;
  for (int age = 1; age <= 10; ++age) make_build(place.device("programs/" + std::to_string(age)), 100 * kib, age);
  const CacheUsage left = place.trim(550 * kib);
  CHECK(left.bytes <= 550 * kib);
  CHECK(left.bytes > 400 * kib);
  CHECK(fs::exists(place.device("programs/1")));
  CHECK(fs::exists(place.device("programs/4")));
  CHECK_FALSE(fs::exists(place.device("programs/10")));
  CHECK_FALSE(fs::exists(place.device("programs/6")));
  CHECK(place.measure().bytes <= 550 * kib);
}

TEST_CASE("one program's folder of the driver's cache goes as a whole, and is as young as its youngest file") {
  const Place place;
  for (const char* folder : {"pocl/AB", "pocl/AB/old", "pocl/AB/old/kernel", "pocl/AB/new", "pocl/AB/new/kernel"})
    REQUIRE(mkdir(place.device(folder).c_str(), 0700) == 0);
  make_build(place.device("pocl/AB/old/kernel/k.so"), 100 * kib, 500);
  make_build(place.device("pocl/AB/new/kernel/k.so"), 100 * kib, 1000);
  for (const char* folder : {"pocl/AB/old", "pocl/AB/old/kernel", "pocl/AB/new", "pocl/AB/new/kernel"}) {
    const timespec times[2] = {{1'600'000'000, 0}, {1'600'000'000, 0}};
    REQUIRE(utimensat(AT_FDCWD, place.device(folder).c_str(), times, 0) == 0);
  }
  make_build(place.device("pocl/AB/new/last_accessed"), 1, 1);
  place.trim(150 * kib);
  CHECK_FALSE(fs::exists(place.device("pocl/AB/old")));
  CHECK(fs::exists(place.device("pocl/AB/new/kernel/k.so")));
}

TEST_CASE("empty files and links count too") {
  const Place place;
  for (int i = 0; i < 100; ++i) make_file(place.device("programs/" + std::to_string(i)), 0);
  for (int i = 0; i < 100; ++i) REQUIRE(symlink("/", place.device("pocl/" + std::to_string(i)).c_str()) == 0);
  CHECK(place.measure().bytes >= 200 * cache_entry_bytes_min);
  CHECK(place.trim(40 * kib).bytes <= 40 * kib);
}

TEST_CASE("a tree too deep or too large to be a cache of builds goes as a whole, and its device's folder stays") {
  const Place place;
  if (GENERATE(true, false)) make_deep(place.device("deep"), 10'000);
  else
    for (std::uint64_t i = 0; i <= cache_entries_max; ++i)
      REQUIRE(mknod(place.device(std::to_string(i)).c_str(), S_IFREG | 0600, 0) == 0);
  make_build(place.device("programs/a"), 1, 1);
  CHECK_FALSE(place.measure().measured);
  CHECK_FALSE(place.trim(1ull << 40).measured);
  CHECK(fs::is_empty(place.scratch.at("tenant/device")));
  CHECK(place.measure().measured);
}

TEST_CASE("links out of a cache are neither counted nor followed") {
  const Place place;
  const ScratchFolder outside;
  make_file(outside.at("precious"), 1000 * kib);
  make_strange(place.device("strange"), outside.path());
  CHECK(place.measure().bytes < 500 * kib);
  place.trim(0);
  CHECK(fs::exists(outside.at("precious")));
}
