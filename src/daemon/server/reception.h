// Reception: finds out who a caller is, and gives them a seat in their tenant's slice.
//
// A user's ad-hoc tenants are noted in the registry when they first come, so that their ids are theirs for good. A user
// who has as many as there may be loses the one that was idle for longest; new ones are made at a bounded rate.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "daemon/server/identity.h"
#include "daemon/server/seats.h"
#include "daemon/server/tenant_socket.h"
#include "daemon/server/token_buckets.h"
#include "daemon/store/registry.h"

namespace sluice::server {

class Reception {
 public:
  static constexpr std::uint32_t new_tenants_per_s = 1, new_tenants_at_once = 32;  // of one user

  // REQUIRES: both outlive the reception. `removed`: hears of an ad-hoc tenant that makes room for another.
  Reception(store::Registry& registry, Seats& seats, IdentityRules rules,
            std::function<void(std::uint64_t tenant_id)> removed)
      : registry_(registry), seats_(seats), rules_(std::move(rules)), removed_(std::move(removed)) {}

  // A seat, or a refusal by identity.h or admission.h. The caller's token is forgotten either way.
  Result<Seat> seat(Caller& caller);

 private:
  Result<TenantKey> ad_hoc_key(std::uint32_t uid, const std::string& name);
  Status note(const store::AdHocTenant& tenant);
  const store::AdHocTenant* idle_longest(std::uint32_t uid) const;

  store::Registry& registry_;
  Seats& seats_;
  IdentityRules rules_;
  std::function<void(std::uint64_t)> removed_;
  TokenBuckets new_tenants_{new_tenants_per_s, new_tenants_at_once};
};

}  // namespace sluice::server
