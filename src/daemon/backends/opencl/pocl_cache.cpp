#include "daemon/backends/opencl/pocl_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace sluice::backend::opencl {
namespace {

namespace fs = std::filesystem;

constexpr char folder_variable[] = "POCL_CACHE_DIR";
constexpr char use_mark[] = "last_accessed";  // PoCL touches this file in a program's folder whenever it builds it
constexpr std::string_view binary_magic{"poclbin\0", 8};
constexpr std::string_view program_file = "/program.bc";
constexpr std::size_t header_bytes_max = 128;  // of a binary, with the name of its first file
constexpr auto kept_after_use = std::chrono::hours(24);

struct CachedProgram {
  fs::path folder;
  std::uint64_t bytes = 0;
  fs::file_time_type used;
};

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (!at->is_regular_file(gone)) continue;
    if (const std::uint64_t bytes = at->file_size(gone); !gone) sum += bytes;
  }
  return sum;
}

// Programs lie two folders down: the first two letters of their hash, then the rest.
std::vector<CachedProgram> list_programs(const std::string& folder) {
  std::vector<CachedProgram> programs;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code inner;
    for (fs::directory_iterator below(at->path(), inner), none; !inner && below != none; below.increment(inner)) {
      std::error_code gone;
      const auto used = fs::last_write_time(below->path() / use_mark, gone);
      if (!gone) programs.push_back({below->path(), bytes_below(below->path()), used});
    }
  }
  return programs;
}

}  // namespace

Status point_pocl_cache_at(const std::string& folder) {
  const char* link = std::getenv(folder_variable);
  struct stat info {};
  if (link == nullptr || ::lstat(link, &info) != 0 || !S_ISLNK(info.st_mode)) return Status();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno_status("make " + folder, errno);
  const std::string aside = std::string(link) + ".new";
  (void)::unlink(aside.c_str());
  if (::symlink(folder.c_str(), aside.c_str()) != 0 || ::rename(aside.c_str(), link) != 0)
    return errno_status("point the driver's cache at " + folder, errno);
  return Status();
}

bool lacks_program(std::string_view native_binary) {
  return native_binary.starts_with(binary_magic) &&
         native_binary.substr(0, header_bytes_max).find(program_file) == std::string_view::npos;
}

void prune_pocl_cache(const std::string& folder, std::uint64_t bytes_max) {
  std::vector<CachedProgram> programs = list_programs(folder);
  std::uint64_t total = 0;
  for (const CachedProgram& program : programs) total += program.bytes;
  std::sort(programs.begin(), programs.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
  const auto recently = fs::file_time_type::clock::now() - kept_after_use;
  for (const CachedProgram& program : programs) {
    if (total <= bytes_max || program.used > recently) break;
    std::error_code ignored;
    fs::remove_all(program.folder, ignored);
    total -= program.bytes;
  }
}

}  // namespace sluice::backend::opencl
