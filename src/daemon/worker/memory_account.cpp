#include "daemon/worker/memory_account.h"

#include "base/log.h"

namespace sluice::worker {

ChargeRef MemoryAccount::charge(std::uint64_t bytes) {
  if (Status status = memory_.reserve(bytes); !status.ok()) {
    log::debug("{}", status.to_string());
    return nullptr;
  }
  auto charge = std::make_shared<const MemoryCharge>(memory_, bytes);
  const std::uint64_t held = memory_.held();
  if (held > meter_.memory_peak_bytes.load(std::memory_order_relaxed))
    meter_.memory_peak_bytes.store(held, std::memory_order_relaxed);  // only this thread raises it
  return charge;
}

}  // namespace sluice::worker
