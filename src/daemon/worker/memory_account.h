// MemoryAccount: the session's account of device memory.
//
// Every buffer and image holds a MemoryCharge, made before the driver is asked and dropped when the last command that
// may use the memory has ended. The charge counts against what the daemon granted the session of its tenant's limit.
#pragma once

#include <cstdint>
#include <memory>

#include "daemon/metering/meter_page.h"
#include "daemon/sessions/memory_grant.h"

namespace sluice::worker {

// Dropping it gives the bytes back. May be dropped on any thread.
class MemoryCharge {
 public:
  MemoryCharge(MemoryHolder& memory, std::uint64_t bytes) : memory_(memory), bytes_(bytes) {}
  ~MemoryCharge() { memory_.release(bytes_); }
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;
  std::uint64_t bytes() const { return bytes_; }

 private:
  MemoryHolder& memory_;
  std::uint64_t bytes_;
};

using ChargeRef = std::shared_ptr<const MemoryCharge>;

class MemoryAccount {
 public:
  // Both outlive the account and every charge.
  MemoryAccount(MemoryHolder& memory, metering::MeterPage& meter) : memory_(memory), meter_(meter) {}

  // Null: over the tenant's limit, or no daemon could be asked for more than was granted. May wait for a daemon, for
  // some seconds. On the command thread.
  ChargeRef charge(std::uint64_t bytes);

 private:
  MemoryHolder& memory_;
  metering::MeterPage& meter_;
};

}  // namespace sluice::worker
