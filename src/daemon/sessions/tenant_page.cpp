#include "daemon/sessions/tenant_page.h"

#include <cerrno>
#include <ctime>
#include <new>

#include "base/units.h"

namespace sluice {
namespace {

constexpr time_t lock_seconds_max = 2;

// The page's lock, held. A dead holder leaves nothing half-done: the only writes under the lock are single stores.
class Guard {
 public:
  explicit Guard(pthread_mutex_t& lock) : lock_(lock) {
    timespec deadline{};
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += lock_seconds_max;
    error_ = pthread_mutex_timedlock(&lock_, &deadline);
    if (error_ == EOWNERDEAD) error_ = pthread_mutex_consistent(&lock_);
  }
  ~Guard() {
    if (error_ == 0) pthread_mutex_unlock(&lock_);
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  Status status() const { return error_ == 0 ? Status() : errno_status("lock the tenant's memory page", error_); }

 private:
  pthread_mutex_t& lock_;
  int error_ = 0;
};

std::uint64_t sum_of(const TenantPage& page) {
  std::uint64_t sum = 0;
  for (const auto& held : page.held_bytes) sum += held.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace

Status TenantMemory::initialise(std::span<std::byte> memory, std::uint64_t limit_bytes) {
  auto* page = new (memory.data()) TenantPage{};
  page->limit_bytes.store(limit_bytes, std::memory_order_relaxed);
  pthread_mutexattr_t attributes;
  int error = pthread_mutexattr_init(&attributes);
  if (error == 0) error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (error == 0) error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (error == 0) error = pthread_mutex_init(&page->lock, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return error == 0 ? Status() : errno_status("make the tenant's memory page", error);
}

TenantMemory::TenantMemory(std::span<std::byte> page, std::size_t slot)
    : page_(reinterpret_cast<TenantPage*>(page.data())), slot_(slot) {}

Status TenantMemory::reserve(std::uint64_t bytes) {
  Guard guard(page_->lock);
  if (!guard.status().ok()) return guard.status();
  const std::uint64_t held = sum_of(*page_);
  const std::uint64_t limit = page_->limit_bytes.load(std::memory_order_relaxed);
  if (held > limit || bytes > limit - held)
    return Status(Code::quota_exceeded, "asked for " + format_bytes(bytes) + " with " + format_bytes(held) + " of " +
                                            format_bytes(limit) + " held");
  auto& mine = page_->held_bytes[slot_];
  mine.fetch_add(bytes, std::memory_order_relaxed);  // one atomic step: release() takes no lock
  return Status();
}

void TenantMemory::release(std::uint64_t bytes) {
  // Only this slot's worker writes it, and less held can break nobody's sum: no lock needed, and none can be missed.
  page_->held_bytes[slot_].fetch_sub(bytes, std::memory_order_relaxed);
}

std::uint64_t TenantMemory::held_by_session() const { return page_->held_bytes[slot_].load(std::memory_order_relaxed); }

void TenantMemory::clear() { page_->held_bytes[slot_].store(0, std::memory_order_relaxed); }

void TenantMemory::set_limit(std::span<std::byte> page, std::uint64_t limit_bytes) {
  // One store, which reserve() loads once, under its lock: no lock is needed here, and a stuck holder stops nobody.
  reinterpret_cast<TenantPage*>(page.data())->limit_bytes.store(limit_bytes, std::memory_order_relaxed);
}

std::uint64_t TenantMemory::held_by_tenant(std::span<std::byte> page) {
  return sum_of(*reinterpret_cast<const TenantPage*>(page.data()));
}

}  // namespace sluice
