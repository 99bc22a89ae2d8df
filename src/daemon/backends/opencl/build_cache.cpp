#include "daemon/backends/opencl/build_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <vector>

namespace sluice::backend::opencl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = 256ull << 20;
constexpr std::string_view suffix = ".build", mark_suffix = ".loading";
constexpr int open_flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;  // what lies there may be a link or a FIFO
constexpr auto abandoned_after = std::chrono::hours(1);

std::optional<std::string> read_file(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || info.st_size < 0 || static_cast<std::size_t>(info.st_size) > file_bytes_max)
    return std::nullopt;
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

Status write_file(int fd, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_status("write a cached build", errno);
    done += static_cast<std::size_t>(put);
  }
  return Status();
}

struct CachedFile {
  fs::path path;
  std::uint64_t bytes = 0;
  fs::file_time_type used;
};

}  // namespace

Status BuildCache::open(const std::string& folder, std::uint64_t bytes_max) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno_status("make " + folder, errno);
  folder_ = folder;
  bytes_max_ = bytes_max;
  return Status();
}

BuildCache::LoadMark::~LoadMark() {
  if (locked_.valid()) (void)::unlink(path_.c_str());
}

std::string BuildCache::path_of(const Digest& key) const { return folder_ + "/" + to_hex(key).append(suffix); }

std::string BuildCache::mark_path_of(const Digest& key) const {
  return folder_ + "/" + to_hex(key).append(mark_suffix);
}

BuildCache::LoadMark BuildCache::mark_loading(const Digest& key) const {
  std::string path = mark_path_of(key);
  UniqueFd mark(::open(path.c_str(), O_RDWR | O_CREAT | open_flags, 0600));
  if (mark.valid() && ::flock(mark.get(), LOCK_SH | LOCK_NB) != 0) mark.reset();
  return {std::move(path), std::move(mark)};
}

bool BuildCache::ended_a_process(const Digest& key) const {
  const UniqueFd mark(::open(mark_path_of(key).c_str(), O_RDWR | open_flags));
  struct stat info {};
  return mark.valid() && ::flock(mark.get(), LOCK_EX | LOCK_NB) == 0 && fstat(mark.get(), &info) == 0 &&
         info.st_nlink > 0;  // else it was taken back just now
}

std::optional<BinaryContainer> BuildCache::find(const Digest& key, const Digest& make) const {
  if (!is_open()) return std::nullopt;
  if (ended_a_process(key)) {
    (void)::unlink(path_of(key).c_str());
    (void)::unlink(mark_path_of(key).c_str());
    return std::nullopt;
  }
  const UniqueFd fd(::open(path_of(key).c_str(), O_RDONLY | open_flags));
  if (!fd.valid()) return std::nullopt;
  const auto bytes = read_file(fd.get());
  if (!bytes) return std::nullopt;
  auto container = unpack(*bytes, make);
  if (container) (void)::futimens(fd.get(), nullptr);  // used now: pruned last
  return container;
}

Status BuildCache::store(const Digest& key, const BinaryContainer& container) const {
  if (!is_open()) return Status(Code::unavailable, "no cache folder");
  const std::string bytes = pack(container);
  if (bytes.size() > file_bytes_max) return Status(Code::quota_exceeded, "build too large for the cache");
  std::string aside = folder_ + "/aside-XXXXXX";
  const UniqueFd fd(::mkostemp(aside.data(), O_CLOEXEC));
  if (!fd.valid()) return errno_status("make a file in " + folder_, errno);
  Status status = write_file(fd.get(), bytes);
  if (status.ok() && ::rename(aside.c_str(), path_of(key).c_str()) != 0)
    status = errno_status("rename a cached build", errno);
  if (!status.ok()) (void)::unlink(aside.c_str());
  prune();
  return status;
}

void BuildCache::prune() const {
  std::error_code error;
  std::vector<CachedFile> files;
  std::uint64_t total = 0;
  const auto abandoned = fs::file_time_type::clock::now() - abandoned_after;
  for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // another session may have pruned it meanwhile
    CachedFile file{at->path(), at->file_size(gone), at->last_write_time(gone)};
    if (gone) continue;
    if (file.path.extension() != suffix && file.used < abandoned) fs::remove(file.path, gone);
    if (file.path.extension() != suffix) continue;
    total += file.bytes;
    files.push_back(std::move(file));
  }
  if (total <= bytes_max_) return;
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
  for (const CachedFile& file : files) {
    if (total <= bytes_max_) break;
    fs::remove(file.path, error);
    total -= file.bytes;
  }
}

}  // namespace sluice::backend::opencl
