// Admission: may this program have a session, and in which slice? Pure: functions of the rules, the tenant and what is
// asked for. Where a new slice goes, the allocator decides (slice_table.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "allocator/request.h"
#include "base/status.h"
#include "base/units.h"
#include "daemon/server/tenants/tenants.h"
#include "daemon/store/tenant_record.h"

namespace sluice::server {

struct AdmissionRules {
  std::uint32_t sessions_max = 256;
  std::uint32_t sessions_per_tenant_max = 16;
  std::optional<std::uint64_t> memory_max_bytes;      // for one tenant
  std::optional<std::uint64_t> default_memory_bytes;  // absent: an eighth of the device's
  MilliGpu default_gpu;
  bool share_uid = true;  // tenants may have sessions of one user at the same time
};

struct AdmissionRequest {
  std::string tenant;              // for people
  MilliGpu gpu;                    // 0: whatever the slice has
  std::uint64_t memory_bytes = 0;  // 0: whatever the slice has
};

// The tenant as it is now.
struct LiveSlice {
  TenantSlice slice;
  std::size_t sessions = 0;
};

// What to ask the allocator for; empty: the session shares `live`'s slice. Refusals carry a sentence that says what
// would be granted:
//   quota_exceeded    a limit of the configuration
//   invalid_argument  it contradicts the tenant's live slice
Result<std::optional<allocator::Request>> admit(const AdmissionRules& rules, std::size_t sessions_now,
                                                const std::optional<LiveSlice>& live, const AdmissionRequest& request);

// The same for a session of a registered tenant, whose amounts are the registry's, whatever the rules' defaults are.
//   permission_denied  the tenant is suspended
Result<std::optional<allocator::Request>> admit_registered(const store::TenantRecord& tenant,
                                                           const AdmissionRules& rules, std::size_t sessions_now,
                                                           const std::optional<LiveSlice>& live,
                                                           const AdmissionRequest& request);

}  // namespace sluice::server
