#include "daemon/sessions/memory_grant.h"

#include <unistd.h>

#include <algorithm>

#include "base/contract.h"
#include "base/units.h"

namespace sluice {
namespace {

// How long to sleep at a time: a daemon that takes the session over puts another page below the word.
constexpr Nanoseconds look_again_ns = 20 * ns_per_ms;

bool is_open(std::uint64_t wish) { return wish % 2 == 1; }

}  // namespace

// ---- the worker's side ----

Status MemoryHolder::reserve(std::uint64_t bytes) {
  while (!take(bytes)) SLUICE_TRY(ask(bytes));
  const std::uint64_t wish = report_.memory_wish.load(std::memory_order_relaxed);
  if (is_open(wish)) report_.memory_wish.store(wish + 1, std::memory_order_release);  // after what it let us take
  return Status();
}

// Looks before it adds: an addition that cannot stand must not be seen by a daemon that looks for room.
bool MemoryHolder::take(std::uint64_t bytes) {
  const std::uint64_t granted = terms_.memory_granted_bytes.load(std::memory_order_acquire);
  if (bytes > granted || held() > granted - bytes) return false;
  auto& word = report_.meter.memory_bytes;
  const std::uint64_t held = word.fetch_add(bytes, std::memory_order_seq_cst) + bytes;  // pairs with set_granted, held
  if (held <= terms_.memory_granted_bytes.load(std::memory_order_seq_cst)) return true;
  word.fetch_sub(bytes, std::memory_order_seq_cst);
  return false;
}

Status MemoryHolder::ask(std::uint64_t bytes) {
  const std::uint64_t held = this->held();
  const std::uint64_t wanted = bytes > UINT64_MAX - held ? UINT64_MAX : held + bytes;
  const std::uint64_t before = report_.memory_wish.load(std::memory_order_relaxed);
  const std::uint64_t wish = is_open(before) ? before + 2 : before + 1;
  report_.memory_wanted_bytes.store(wanted, std::memory_order_relaxed);
  report_.memory_wish.store(wish, std::memory_order_release);  // pairs with PageMemoryGrantor::wish
  const std::uint64_t one = 1;
  (void)!::write(kick_fd_, &one, sizeof one);
  unanswered_ = !answered(wish);
  if (unanswered_) {
    report_.memory_wish.store(wish + 1, std::memory_order_release);
    return Status(Code::unavailable, "no daemon answered to a wish for " + format_bytes(bytes) + " of memory");
  }
  if (terms_.memory_granted_bytes.load(std::memory_order_acquire) >= wanted) return Status();
  report_.memory_wish.store(wish + 1, std::memory_order_release);
  return Status(Code::quota_exceeded, "asked for " + format_bytes(bytes) + " beyond the tenant's limit, with " +
                                          format_bytes(held) + " held by this session");
}

bool MemoryHolder::answered(std::uint64_t wish) const {
  const Nanoseconds deadline_ns = now_ns() + (unanswered_ ? std::min(look_again_ns, patience_ns_) : patience_ns_);
  for (;;) {
    const std::uint32_t changed = terms_.changed.load(std::memory_order_acquire);
    if (terms_.memory_answered.load(std::memory_order_acquire) == wish) return true;  // pairs with answer
    const Nanoseconds now = now_ns();
    if (now >= deadline_ns) return false;
    wire::futex_wait(terms_.changed, changed, std::min(deadline_ns, now + look_again_ns));
  }
}

void MemoryHolder::release(std::uint64_t bytes) {
  const std::uint64_t before = report_.meter.memory_bytes.fetch_sub(bytes, std::memory_order_seq_cst);
  SLUICE_REQUIRE(before >= bytes);
}

// ---- the daemon's side ----

void PageMemoryGrantor::set_granted(std::uint64_t bytes) {
  terms_.memory_granted_bytes.store(bytes, std::memory_order_seq_cst);  // pairs with MemoryHolder::take
}

std::uint64_t PageMemoryGrantor::held() const { return report_.meter.memory_bytes.load(std::memory_order_seq_cst); }

std::optional<MemoryWish> PageMemoryGrantor::wish() const {
  const std::uint64_t number = report_.memory_wish.load(std::memory_order_acquire);  // pairs with MemoryHolder::ask
  if (!is_open(number)) return std::nullopt;
  return MemoryWish{number, report_.memory_wanted_bytes.load(std::memory_order_relaxed)};
}

void PageMemoryGrantor::answer(const MemoryWish& wish) {
  terms_.memory_answered.store(wish.number, std::memory_order_release);  // pairs with MemoryHolder::answered
  terms_.changed.fetch_add(1, std::memory_order_seq_cst);
  wire::futex_wake_all(terms_.changed);
}

bool PageMemoryGrantor::current() const {
  return report_.epoch.load(std::memory_order_acquire) == terms_.epoch.load(std::memory_order_relaxed);
}

}  // namespace sluice
