// Seats: the books of who sits where. A seat is one session's place in its tenant's slice; the slice is promised by a
// device for as long as somebody sits in it.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "daemon/server/admission.h"
#include "daemon/server/device_pool.h"
#include "daemon/server/tenants.h"
#include "daemon/sessions/worker_link.h"

namespace sluice::server {

struct Seat {
  Tenant* tenant = nullptr;
  std::uint32_t slot = 0;
};

class Seats {
 public:
  // REQUIRES: `pool` outlives the seats.
  Seats(DevicePool& pool, AdmissionRules rules) : pool_(pool), rules_(rules) {}

  // Admits one more session of the tenant, or says why not (admission.h).
  Result<Seat> take(const TenantKey& key, MilliGpu gpu, std::uint64_t memory_bytes);
  // A seat that an earlier daemon gave; no rule is asked again, only that it contradicts nothing.
  Result<Seat> adopt(const SessionRecord& record, wire::SharedMemory tenant_page);
  void leave(const Seat& seat);

  const Tenants& tenants() const { return tenants_; }
  const AdmissionRules& rules() const { return rules_; }
  std::size_t taken() const { return taken_; }

 private:
  DevicePool& pool_;
  AdmissionRules rules_;
  Tenants tenants_;
  std::size_t taken_ = 0;
};

}  // namespace sluice::server
