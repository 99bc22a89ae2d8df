#include "daemon/server/cache/tenant_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/contract.h"
#include "base/log.h"
#include "daemon/server/cache/tree_removal.h"
#include "daemon/server/runtime/files.h"

namespace sluice::server {
namespace {

constexpr const char* pool_file = "pool";
constexpr std::size_t pool_bytes_max = 32;
constexpr std::size_t shared_mounts_max = 64;
constexpr mode_t private_mode = 0700;

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  char pair[3];
  for (const std::uint8_t byte : bytes) {
    std::snprintf(pair, sizeof pair, "%02x", byte);
    text += pair;
  }
  return text;
}

// Made if missing.
Result<UniqueFd> own_folder(int parent, const char* name) {
  if (mkdirat(parent, name, private_mode) != 0 && errno != EEXIST) return errno_status("make a folder", errno);
  return open_folder(parent, name);
}

// Whether a session may have this folder: its owner may have done to it what he likes.
bool as_made(int folder, std::uint32_t owner) {
  struct stat info {};
  return fstat(folder, &info) == 0 && info.st_uid == owner && (info.st_mode & 07777) == private_mode;
}

}  // namespace

TenantCache::TenantCache(std::string folder, std::uint32_t owner)
    : folder_(std::move(folder)), owner_(owner), id_maps_(owner) {}

Status TenantCache::open(std::uint64_t pool_id, const std::set<std::uint64_t>& tenants) {
  opened_ = true;
  auto opened = SLUICE_TRY(open_folder(AT_FDCWD, folder_.c_str()));
  const int cache = opened.get();
  const auto removed = SLUICE_TRY(own_folder(cache, removed_folder));
  const std::string pool_path = folder_ + "/" + pool_file, pool = std::to_string(pool_id);
  const auto found = read_own_file(pool_path, pool_bytes_max);
  const bool same_pool = found.ok() && found.value() == pool;
  std::set<std::string> kept{removed_folder, pool_file};
  if (same_pool)
    for (const std::uint64_t tenant : tenants) kept.insert(std::to_string(tenant));
  Status listed = for_each_name(cache, [&](const char* name) {
    if (!kept.contains(name)) (void)put_aside(cache, name, removed.get());
    return true;
  });
  if (!listed.ok() || same_pool) return listed;
  return write_own_file(pool_path, pool);
}

UniqueFd TenantCache::mount(std::uint64_t tenant, std::span<const std::uint8_t, 16> device_uuid,
                            std::uint32_t worker_uid) {
  if (withheld_()) return UniqueFd();
  const auto folder = make_folder(tenant, device_uuid);
  auto mounted = folder.ok() ? try_mount(folder.value(), worker_uid) : folder.status();
  if (mounted.ok()) return mounted.take();
  if (std::exchange(complaint_, mounted.status().message()) != complaint_)
    log::warn("sessions have no cache of builds: {}", mounted.status().message());
  return UniqueFd();
}

std::string TenantCache::path(std::uint64_t tenant, std::span<const std::uint8_t, 16> device_uuid) {
  auto folder = make_folder(tenant, device_uuid);
  return folder.ok() ? folder.take() : "";
}

Result<std::string> TenantCache::make_folder(std::uint64_t tenant, std::span<const std::uint8_t, 16> device_uuid) {
  SLUICE_REQUIRE(opened_);
  const std::string tenant_name = std::to_string(tenant), device_name = hex(device_uuid);
  const auto cache = SLUICE_TRY(open_folder(AT_FDCWD, folder_.c_str()));
  const auto of_tenant = SLUICE_TRY(own_folder(cache.get(), tenant_name.c_str()));
  const int parent = of_tenant.get();
  const std::string path = folder_ + "/" + tenant_name + "/" + device_name;
  if (const auto found = open_folder(parent, device_name.c_str()); found.ok() && as_made(found.value().get(), owner_))
    return path;
  const auto removed = SLUICE_TRY(own_folder(cache.get(), removed_folder));
  (void)put_aside(parent, device_name.c_str(), removed.get());
  const auto fresh = SLUICE_TRY(own_folder(parent, device_name.c_str()));
  // Nobody but the daemon has seen it yet.
  if (owner_ != geteuid() && fchown(fresh.get(), owner_, owner_) != 0)
    return errno_status("give a folder to the cache's owner", errno);
  return path;
}

Result<UniqueFd> TenantCache::try_mount(const std::string& path, std::uint32_t worker_uid) {
  if (geteuid() != 0) return detach_unprivileged(path);
  if (worker_uid == owner_) return detach_mount(path, -1);
  const auto id_map = id_maps_.shown_as(worker_uid);
  return id_map.ok() ? detach_mount(path, id_map.value()) : id_map.status();
}

// All workers of the pool are of one user, so that one mount serves them all. Where no mount can be made the folder's
// own descriptor must do: what else its holder could reach is left to the worker's other fences.
Result<UniqueFd> TenantCache::detach_unprivileged(const std::string& path) {
  UniqueFd& shared = shared_mounts_[path];
  struct stat now {
  }, mounted{};
  const bool fresh = shared.valid() && stat(path.c_str(), &now) == 0 && fstat(shared.get(), &mounted) == 0 &&
                     now.st_ino == mounted.st_ino;
  if (!fresh) {
    auto made = detach_by_child(path);
    if (!made.ok()) {
      log::debug("{}; the folder itself is used", made.status().message());
      made = open_folder(AT_FDCWD, path.c_str());
    }
    if (!made.ok()) return made.status();
    shared = made.take();
  }
  UniqueFd copy(fcntl(shared.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return errno_status("copy a descriptor", errno);
  if (shared_mounts_.size() > shared_mounts_max) shared_mounts_.clear();
  return copy;
}

}  // namespace sluice::server
