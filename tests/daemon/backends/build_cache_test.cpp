#include "daemon/backends/opencl/build_cache.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>

namespace sluice::backend::opencl {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "sluice-cache-XXXXXX").string()) {
    REQUIRE(mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

Digest key_of(std::uint8_t number) {
  Digest key{};
  key[0] = number;
  return key;
}

BinaryContainer build_of(std::size_t bytes) {
  BinaryContainer container;
  container.kind = wire::BinaryKind::executable;
  container.native.assign(bytes, 'n');
  return container;
}

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST_CASE("a build that was stored is found by its key and make, by another process's cache too") {
  const Folder folder;
  BuildCache cache, other;
  REQUIRE(cache.open(folder.at("programs")).ok());
  REQUIRE(other.open(folder.at("programs")).ok());
  CHECK_FALSE(cache.find(key_of(1), {}));
  REQUIRE(cache.store(key_of(1), build_of(100)).ok());
  const auto found = other.find(key_of(1), {});
  REQUIRE(found);
  CHECK(found->native == std::string(100, 'n'));
  CHECK_FALSE(other.find(key_of(2), {}));
  CHECK_FALSE(other.find(key_of(1), key_of(9)));
  CHECK(files_in(folder.at("programs")) == 1);
}

TEST_CASE("a cache without a folder misses and stores nothing") {
  BuildCache cache;
  CHECK_FALSE(cache.find(key_of(1), {}));
  CHECK(cache.store(key_of(1), build_of(1)).code() == Code::unavailable);
}

TEST_CASE("a damaged file is a miss, and is replaced by the next build") {
  const Folder folder;
  BuildCache cache;
  REQUIRE(cache.open(folder.at("programs")).ok());
  REQUIRE(cache.store(key_of(1), build_of(100)).ok());
  const fs::path file = fs::directory_iterator(folder.at("programs"))->path();
  fs::resize_file(file, 90);
  CHECK_FALSE(cache.find(key_of(1), {}));
  REQUIRE(cache.store(key_of(1), build_of(100)).ok());
  CHECK(cache.find(key_of(1), {}));
}

TEST_CASE("a link in place of a file is not followed") {
  const Folder folder;
  BuildCache cache;
  REQUIRE(cache.open(folder.at("programs")).ok());
  REQUIRE(cache.store(key_of(1), build_of(100)).ok());
  const fs::path file = fs::directory_iterator(folder.at("programs"))->path();
  fs::rename(file, folder.at("elsewhere"));
  fs::create_symlink(folder.at("elsewhere"), file);
  CHECK_FALSE(cache.find(key_of(1), {}));
}

TEST_CASE("a build is found while others load it, and their marks go with them") {
  const Folder folder;
  BuildCache cache, other;
  REQUIRE(cache.open(folder.at("programs")).ok());
  REQUIRE(other.open(folder.at("programs")).ok());
  REQUIRE(cache.store(key_of(1), build_of(100)).ok());
  {
    const auto mark = cache.mark_loading(key_of(1)), second = other.mark_loading(key_of(1));
    CHECK(files_in(folder.at("programs")) == 2);
    CHECK(other.find(key_of(1), {}));
  }
  CHECK(files_in(folder.at("programs")) == 1);
  CHECK(cache.find(key_of(1), {}));
}

TEST_CASE("a build whose load ended a process is removed, and can be stored again") {
  const Folder folder;
  BuildCache cache;
  REQUIRE(cache.open(folder.at("programs")).ok());
  for (std::uint8_t i = 1; i <= 2; ++i) REQUIRE(cache.store(key_of(i), build_of(100)).ok());
  std::ofstream(folder.at("programs/") + to_hex(key_of(1)) + ".loading") << "";  // and no process has it
  CHECK_FALSE(cache.find(key_of(1), {}));
  CHECK(files_in(folder.at("programs")) == 1);
  CHECK(cache.find(key_of(2), {}));
  REQUIRE(cache.store(key_of(1), build_of(100)).ok());
  CHECK(cache.find(key_of(1), {}));
}

TEST_CASE("a link in place of a mark is not followed, and a FIFO in place of a build is a miss") {
  const Folder folder;
  BuildCache cache;
  REQUIRE(cache.open(folder.at("programs")).ok());
  REQUIRE(cache.store(key_of(1), build_of(100)).ok());
  fs::create_symlink(folder.at("elsewhere"), folder.at("programs/") + to_hex(key_of(1)) + ".loading");
  { const auto mark = cache.mark_loading(key_of(1)); }
  CHECK_FALSE(fs::exists(folder.at("elsewhere")));
  CHECK(cache.find(key_of(1), {}));
  REQUIRE(mkfifo((folder.at("programs/") + to_hex(key_of(2)) + ".build").c_str(), 0600) == 0);
  CHECK_FALSE(cache.find(key_of(2), {}));
}

TEST_CASE("above its size the cache gives up what was used longest ago") {
  const Folder folder;
  BuildCache cache;
  REQUIRE(cache.open(folder.at("programs"), 3500).ok());
  for (std::uint8_t i = 1; i <= 3; ++i) {
    REQUIRE(cache.store(key_of(i), build_of(900)).ok());
    const std::string file = folder.at("programs/") + to_hex(key_of(i)) + ".build";
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(10 - i));
  }
  REQUIRE(cache.find(key_of(1), {}));  // used now
  REQUIRE(cache.store(key_of(4), build_of(900)).ok());
  CHECK(cache.find(key_of(1), {}));
  CHECK_FALSE(cache.find(key_of(2), {}));
  CHECK(cache.find(key_of(3), {}));
  CHECK(cache.find(key_of(4), {}));
}

TEST_CASE("what a killed writer left is swept after a while") {
  const Folder folder;
  BuildCache cache;
  REQUIRE(cache.open(folder.at("programs")).ok());
  const std::string left = folder.at("programs/aside-abcdef"), fresh = folder.at("programs/aside-ghijkl");
  std::ofstream(left) << "half";
  std::ofstream(fresh) << "half";
  fs::last_write_time(left, fs::file_time_type::clock::now() - std::chrono::hours(2));
  REQUIRE(cache.store(key_of(1), build_of(10)).ok());
  CHECK_FALSE(fs::exists(left));
  CHECK(fs::exists(fresh));
}

}  // namespace
}  // namespace sluice::backend::opencl
