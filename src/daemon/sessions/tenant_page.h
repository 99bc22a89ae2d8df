// TenantPage: the memory that all sessions of one tenant hold together, to the byte.
//
// One page per tenant, owned by the daemon, shared by the tenant's workers, seen by no program. Each session has a
// slot; the sum of the slots never exceeds the limit. A robust process-shared mutex guards "sum and add"; a slot is
// written by one store, so a worker killed at any instant leaves a true sum, and the daemon clears its slot.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"

namespace sluice {

inline constexpr std::size_t tenant_sessions_max = 256;
inline constexpr std::size_t tenant_page_bytes = 8192;

struct TenantPage {
  pthread_mutex_t lock;  // robust, process-shared
  std::atomic<std::uint64_t> limit_bytes;
  std::atomic<std::uint64_t> held_bytes[tenant_sessions_max];  // by session slot
};
static_assert(sizeof(TenantPage) <= tenant_page_bytes);

// One session's way into its tenant's page. Thread-safe.
class TenantMemory {
 public:
  // By the daemon, once, on zeroed memory of tenant_page_bytes.
  static Status initialise(std::span<std::byte> page, std::uint64_t limit_bytes);

  // REQUIRES: slot < tenant_sessions_max; the page outlives this object.
  TenantMemory(std::span<std::byte> page, std::size_t slot);

  // quota_exceeded: the tenant's limit; the message says how much is held and by how much it was missed.
  Status reserve(std::uint64_t bytes);
  // REQUIRES: that much was reserved through this slot.
  void release(std::uint64_t bytes);
  std::uint64_t held_by_session() const;

  // By the daemon, when the session's worker is dead.
  void clear();
  // By the daemon, at any time: what is reserved after this call is held against the new limit. A limit below what is
  // held takes nothing away, and lets nothing more be reserved until enough was released.
  static void set_limit(std::span<std::byte> page, std::uint64_t limit_bytes);
  static std::uint64_t held_by_tenant(std::span<std::byte> page);

 private:
  TenantPage* page_;
  std::size_t slot_;
};

}  // namespace sluice
