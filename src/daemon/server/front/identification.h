// Identification: finds out which tenant a caller is, and admits its session to that tenant's slice.
//
// A user's ad-hoc tenants are noted in the registry when they first come, so that their ids are theirs for good. A user
// who has as many as there may be loses the one that was idle for longest; new ones are made at a bounded rate.
#pragma once

#include <string>

#include "base/status.h"
#include "daemon/server/front/identity.h"
#include "daemon/server/front/tenant_listener.h"
#include "daemon/server/runtime/signal.h"
#include "daemon/server/runtime/token_buckets.h"
#include "daemon/server/tenants/slice_table.h"
#include "daemon/store/registry.h"

namespace sluice::server {

class Identification {
 public:
  static constexpr std::uint32_t new_tenants_per_s = 1, new_tenants_at_once = 32;  // of one user

  Signal<std::uint64_t> removed;  // the id of an ad-hoc tenant that makes room for another

  // REQUIRES: both outlive this object.
  Identification(store::Registry& registry, SliceTable& slices, IdentityRules rules)
      : registry_(registry), slices_(slices), rules_(std::move(rules)) {}

  // The use of a slice, or a refusal by identity.h or admission.h. The caller's token is forgotten either way.
  Result<SliceUse> admit(Caller& caller);

 private:
  Result<TenantKey> ad_hoc_key(std::uint32_t uid, const std::string& name);
  Status note(const store::AdHocTenant& tenant);
  const store::AdHocTenant* idle_longest(std::uint32_t uid) const;

  store::Registry& registry_;
  SliceTable& slices_;
  IdentityRules rules_;
  TokenBuckets new_tenants_{new_tenants_per_s, new_tenants_at_once};
};

}  // namespace sluice::server
