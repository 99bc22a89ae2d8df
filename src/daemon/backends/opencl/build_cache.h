// BuildCache: built programs of one tenant, in files, for its later sessions.
//
// One file a build, named by the digest of all that went into it, written aside and renamed into place, so a reader
// never sees half of one. A file that is not a whole container of this driver is a miss. The folder's size is bounded:
// what was used longest ago goes first.
//
// A driver may end the process on a binary that is whole but of no use. So a worker marks a build while it loads it; a
// mark whose process has ended without taking it back condemns the build, which the next find() removes.
//
// Thread-safe; several processes may use one folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/backends/opencl/binary_container.h"

namespace sluice::backend::opencl {

class BuildCache {
 public:
  static constexpr std::uint64_t default_bytes_max = 1ull << 30;

  // REQUIRES: before any other call. The folder is made if need be. Without a folder, everything is a miss.
  Status open(const std::string& folder, std::uint64_t bytes_max = default_bytes_max);
  // While it lives, the build is being loaded. The lock tells a mark in use from one whose process has ended.
  class LoadMark {
   public:
    LoadMark(std::string path, UniqueFd locked) : path_(std::move(path)), locked_(std::move(locked)) {}
    ~LoadMark();
    LoadMark(const LoadMark&) = delete;
    LoadMark& operator=(const LoadMark&) = delete;

   private:
    std::string path_;
    UniqueFd locked_;  // not valid: there is no mark
  };

  bool is_open() const { return !folder_.empty(); }

  std::optional<BinaryContainer> find(const Digest& key, const Digest& make) const;
  // Without a mark if none can be made.
  LoadMark mark_loading(const Digest& key) const;
  Status store(const Digest& key, const BinaryContainer& container) const;

 private:
  std::string path_of(const Digest& key) const;
  std::string mark_path_of(const Digest& key) const;
  bool ended_a_process(const Digest& key) const;
  void prune() const;

  std::string folder_;
  std::uint64_t bytes_max_ = default_bytes_max;
};

}  // namespace sluice::backend::opencl
