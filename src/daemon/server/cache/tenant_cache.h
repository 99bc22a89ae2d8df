// TenantCache: what workers keep for a tenant from session to session, such as compiled kernels.
//
//   <cache>/pool                          the pool whose tenant ids name the folders; another pool's are removed
//   <cache>/<tenant id>/                  the daemon's own, mode 0700
//   <cache>/<tenant id>/<device uuid>/    what a session writes to
//   <cache>/removed/                      what is to be deleted (tree_removal.h)
//
// A session gets a descriptor of its folder, a detached mount where the system has them. A pool of root stores all
// files as `owner`, a user that nobody else is, and the mount shows them as the session's user's. The daemon itself
// follows no link in a session's folder, and changes no owner and no mode there.
//
// Not thread-safe. Sessions work without a cache, more slowly.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/server/cache/detached_mount.h"

namespace sluice::server {

// The folder of what is to be deleted, in the cache folder.
inline constexpr char removed_folder[] = "removed";

class TenantCache {
 public:
  // Whose the files are on disk where each worker of a root's pool has a user of its own: nobody runs as that one.
  static constexpr std::uint32_t owner_for_own_uids = 699'999;

  // owner: the user whose the files are on disk; this process's own: nothing is mapped.
  TenantCache(std::string folder, std::uint32_t owner);

  // Puts aside what belongs to another pool or to no tenant. REQUIRES: called before mount() and path(). Where
  // it fails the cache can be used all the same.
  Status open(std::uint64_t pool_id, const std::set<std::uint64_t>& tenants);

  // The tenant's folder for that device, made if missing, as a worker of user `worker_uid` is to have it. Logs once
  // why there is none.
  UniqueFd mount(std::uint64_t tenant, std::span<const std::uint8_t, 16> device_uuid, std::uint32_t worker_uid);
  // The same folder's path. Empty: it cannot be made.
  std::string path(std::uint64_t tenant, std::span<const std::uint8_t, 16> device_uuid);

  // No folder is given while this says so.
  void withhold_while(std::function<bool()> condition) { withheld_ = std::move(condition); }

 private:
  Result<UniqueFd> try_mount(const std::string& path, std::uint32_t worker_uid);
  Result<UniqueFd> detach_unprivileged(const std::string& path);
  Result<std::string> make_folder(std::uint64_t tenant, std::span<const std::uint8_t, 16> device_uuid);

  std::string folder_;
  std::uint32_t owner_;
  IdMaps id_maps_;
  std::map<std::string, UniqueFd> shared_mounts_;  // of a pool without root, by path
  std::function<bool()> withheld_ = [] { return false; };
  std::string complaint_;  // the last one that was logged
  bool opened_ = false;    // open() was called, whatever came of it
};

}  // namespace sluice::server
