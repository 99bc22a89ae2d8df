// Detached mounts: a folder as a mount of its own that lies in no mount namespace, so that a holder of its descriptor
// reaches what is in the folder, and nothing above it ("..", symbolic links and /proc included).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::server {

// A mount of the folder without set-user-id programs and devices. `id_map`: a user namespace of IdMaps, whose mapping
// the mount shows; -1: owners are what they are on disk.
//   permission_denied  this process may not make mounts (see detach_by_child)
//   unsupported        the kernel has no such mounts, or the file system cannot map owners
Result<UniqueFd> detach_mount(const std::string& folder, int id_map);

// The same without a mapping for a process that is not root: a child makes the mount in user and mount namespaces of
// its own, and ends. Waits for the child: some milliseconds on a busy machine.
//   permission_denied  the system gives ordinary users no user namespaces
Result<UniqueFd> detach_by_child(const std::string& folder);

// User namespaces for mounts on which files of `owner` on disk belong to another user. Each is made once, by a child
// that never runs, and is kept. REQUIRES: root. Not thread-safe.
class IdMaps {
 public:
  explicit IdMaps(std::uint32_t owner) : owner_(owner) {}
  ~IdMaps();
  IdMaps(const IdMaps&) = delete;
  IdMaps& operator=(const IdMaps&) = delete;

  // A descriptor that stays good until the next call.
  Result<int> shown_as(std::uint32_t uid);

 private:
  static constexpr std::size_t maps_max = 512;
  void reap(bool wait);

  std::uint32_t owner_;
  std::map<std::uint32_t, UniqueFd> maps_;  // by the user that the files are shown to belong to
  std::vector<pid_t> killed_;               // children that are yet to be reaped
};

}  // namespace sluice::server
