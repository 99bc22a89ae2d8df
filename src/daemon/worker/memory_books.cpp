#include "daemon/worker/memory_books.h"

#include "base/log.h"

namespace sluice::worker {

MemoryCharge::~MemoryCharge() {
  tenant_.release(bytes_);
  meter_.memory_bytes.fetch_sub(bytes_, std::memory_order_relaxed);
}

ChargeRef MemoryBooks::charge(std::uint64_t bytes) {
  if (Status status = tenant_.reserve(bytes); !status.ok()) {
    log::debug("{}", status.to_string());
    return nullptr;
  }
  auto charge = std::make_shared<const MemoryCharge>(tenant_, meter_, bytes);
  const std::uint64_t held = meter_.memory_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (held > meter_.memory_peak_bytes.load(std::memory_order_relaxed))
    meter_.memory_peak_bytes.store(held, std::memory_order_relaxed);  // only this thread raises it
  return charge;
}

}  // namespace sluice::worker
