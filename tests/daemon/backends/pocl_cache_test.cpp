#include "daemon/backends/opencl/pocl_cache.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sluice::backend::opencl {
namespace {

namespace fs = std::filesystem;

struct Place {
  Place() : root((fs::temp_directory_path() / "sluice-pocl-XXXXXX").string()) {
    REQUIRE(mkdtemp(root.data()) != nullptr);
  }
  ~Place() {
    unsetenv("POCL_CACHE_DIR");
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
  // A program of a thousand bytes and a little, used so many hours ago.
  fs::path program(const std::string& name, int hours_ago) const {
    const fs::path folder = root + "/AB/" + name;
    fs::create_directories(folder / "k/0-0-0");
    std::ofstream(folder / "k/0-0-0/k.so") << std::string(1000, 'k');
    std::ofstream(folder / "last_accessed") << "";
    fs::last_write_time(folder / "last_accessed", fs::file_time_type::clock::now() - std::chrono::hours(hours_ago));
    return folder;
  }
  std::string root;
};

TEST_CASE("the worker's link is pointed at the tenant's folder, which is made") {
  const Place place;
  fs::create_directory(place.root + "/private");
  fs::create_directory_symlink(place.root + "/private", place.root + "/cache");
  setenv("POCL_CACHE_DIR", (place.root + "/cache").c_str(), 1);
  REQUIRE(point_pocl_cache_at(place.root + "/tenant").ok());
  CHECK(fs::read_symlink(place.root + "/cache") == place.root + "/tenant");
  CHECK(fs::is_directory(place.root + "/tenant"));
}

TEST_CASE("a folder that is not a link is left alone") {
  const Place place;
  fs::create_directory(place.root + "/cache");
  setenv("POCL_CACHE_DIR", (place.root + "/cache").c_str(), 1);
  REQUIRE(point_pocl_cache_at(place.root + "/tenant").ok());
  CHECK(fs::is_directory(fs::symlink_status(place.root + "/cache")));
  CHECK_FALSE(fs::exists(place.root + "/tenant"));
}

TEST_CASE("above its size, what was used longest ago goes, and nothing of the last day") {
  const Place place;
  const auto oldest = place.program("OLDEST", 300), old = place.program("OLD", 200), fresh = place.program("FRESH", 1);
  prune_pocl_cache(place.root, 10'000);
  CHECK(fs::exists(oldest));
  prune_pocl_cache(place.root, 2'500);
  CHECK_FALSE(fs::exists(oldest));
  CHECK(fs::exists(old));
  prune_pocl_cache(place.root, 0);
  CHECK_FALSE(fs::exists(old));
  CHECK(fs::exists(fresh));
}

TEST_CASE("a binary of PoCL's without the program is told from a whole one, and from another driver's") {
  const std::string header("poclbin\0", 8), hash(65, 'H');
  CHECK_FALSE(lacks_program(header + hash + "/program.bc" + std::string(1000, 'b')));
  CHECK(lacks_program(header + hash + std::string(1000, 'b') + "/program.bc"));
  CHECK(lacks_program(header));
  CHECK_FALSE(lacks_program("BC and then some"));
  CHECK_FALSE(lacks_program(""));
}

}  // namespace
}  // namespace sluice::backend::opencl
