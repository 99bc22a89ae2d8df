// HostBudget: a bound on the bytes of this process that it keeps for its program.
//
// A slice counts memory of the device. What else a program can make its worker keep (commands that wait, copies of
// their data, sources, answers, records of objects) is charged to a budget, with an estimate for what the driver keeps
// beside it. Any thread may charge and give back.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/contract.h"

namespace sluice::worker {

class HostBudget;

// So many bytes of a budget, given back with this object. The budget outlives it.
class HostCharge {
 public:
  HostCharge() = default;
  HostCharge(HostCharge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  HostCharge& operator=(HostCharge&& other) noexcept {
    if (this == &other) return *this;
    reset();
    budget_ = std::exchange(other.budget_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  HostCharge(const HostCharge&) = delete;
  HostCharge& operator=(const HostCharge&) = delete;
  ~HostCharge() { reset(); }
  inline void reset();

 private:
  friend class HostBudget;
  HostCharge(HostBudget& budget, std::uint64_t bytes) : budget_(&budget), bytes_(bytes) {}
  HostBudget* budget_ = nullptr;
  std::uint64_t bytes_ = 0;
};

class HostBudget {
 public:
  explicit HostBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  HostBudget(const HostBudget&) = delete;
  HostBudget& operator=(const HostBudget&) = delete;

  // Nothing: the budget has not so much left.
  std::optional<HostCharge> charge(std::uint64_t bytes) {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > bytes_max_ || used > bytes_max_ - bytes) return std::nullopt;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return HostCharge(*this, bytes);
  }
  // Would charge() succeed, if no other thread charges meanwhile?
  bool fits(std::uint64_t bytes) const {
    return bytes <= bytes_max_ && used_.load(std::memory_order_relaxed) <= bytes_max_ - bytes;
  }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_max() const { return bytes_max_; }

 private:
  friend class HostCharge;
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> used_{0};
};

void HostCharge::reset() {
  if (budget_ != nullptr) {
    const std::uint64_t before = budget_->used_.fetch_sub(bytes_, std::memory_order_relaxed);
    SLUICE_INVARIANT(before >= bytes_);
  }
  budget_ = nullptr;
}

// The budgets of one session. Bytes.
struct HostLimits {
  std::uint64_t blocked = 64ull << 20;    // commands that wait for events that the program has not set
  std::uint64_t data = 64ull << 20;       // of writes that the device has not done
  std::uint64_t objects = 256ull << 20;   // records of objects, here and in the driver
  std::uint64_t programs = 256ull << 20;  // sources, binaries and answers
  // Without the fence.
  static HostLimits none() { return {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}; }
};

}  // namespace sluice::worker
