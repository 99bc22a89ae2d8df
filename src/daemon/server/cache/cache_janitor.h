// CacheJanitor: keeps tenants' caches within their quota, and the disk from running full, on a thread of its own.
//
//   a session ended      its tenant's cache is brought below the quota, the oldest entries first
//   sessions live        a tenant with more than twice its quota has its cache emptied under it; looked at when the
//   disk
//                        has lost room since, and once a minute
//   a tenant is removed  so is its cache
//   the disk is full     below disk_free_min_percent free all caches are emptied, and new sessions get none
//
// What goes is put aside first and deleted bit by bit (tree_removal.h). The calls never block; they are for one thread.
// A worker can still fill the disk with a file that it has open and has removed: the disk's own quota, or a file system
// for caches alone, bounds that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"

namespace sluice::server {

class CacheJanitor {
 public:
  struct Rules {
    std::string folder;  // tenant_cache.h
    std::uint64_t tenant_bytes_max = 1ull << 30;
    std::uint32_t disk_free_min_percent = 2;
    Nanoseconds look_ns = 2 * ns_per_s;      // at the disk, while sessions live
    Nanoseconds measure_ns = 60 * ns_per_s;  // what living sessions have, even if the disk has lost no room
    Nanoseconds round_ns = 300 * ns_per_s;   // through all tenants
  };

  explicit CacheJanitor(Rules rules);
  // Waits for what it is doing, for a moment at most: what is left undone the next daemon does.
  ~CacheJanitor();
  CacheJanitor(const CacheJanitor&) = delete;
  CacheJanitor& operator=(const CacheJanitor&) = delete;

  // REQUIRES: called once, after TenantCache::open. Not started: the calls below do nothing.
  void start();
  void session_changed(std::uint64_t tenant, bool began);
  void tenant_removed(std::uint64_t tenant);
  // The disk has less free than it should.
  bool disk_is_full() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace sluice::server
