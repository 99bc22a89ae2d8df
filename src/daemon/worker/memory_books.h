// MemoryBooks: the session's account of device memory.
//
// Every buffer and image holds a MemoryCharge, made before the driver is asked and dropped when the last command that
// may use the memory has ended. The charge counts against the tenant's limit and shows in the session's meter page.
#pragma once

#include <cstdint>
#include <memory>

#include "daemon/metering/meter_page.h"
#include "daemon/sessions/tenant_page.h"

namespace sluice::worker {

// Dropping it gives the bytes back. May be dropped on any thread.
class MemoryCharge {
 public:
  MemoryCharge(TenantMemory& tenant, metering::MeterPage& meter, std::uint64_t bytes)
      : tenant_(tenant), meter_(meter), bytes_(bytes) {}
  ~MemoryCharge();
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;
  std::uint64_t bytes() const { return bytes_; }

 private:
  TenantMemory& tenant_;
  metering::MeterPage& meter_;
  std::uint64_t bytes_;
};

using ChargeRef = std::shared_ptr<const MemoryCharge>;

class MemoryBooks {
 public:
  // Both outlive the books and every charge.
  MemoryBooks(TenantMemory& tenant, metering::MeterPage& meter) : tenant_(tenant), meter_(meter) {}

  // Null: over the tenant's limit. By the dispatcher's thread.
  ChargeRef charge(std::uint64_t bytes);

 private:
  TenantMemory& tenant_;
  metering::MeterPage& meter_;
};

}  // namespace sluice::worker
