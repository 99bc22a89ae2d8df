// Reception: finds out who a caller is, and gives them a seat in their tenant's slice.
#pragma once

#include "base/status.h"
#include "daemon/server/identity.h"
#include "daemon/server/seats.h"
#include "daemon/server/tenant_door.h"
#include "daemon/store/registry.h"

namespace sluice::server {

class Reception {
 public:
  // REQUIRES: both outlive the reception.
  Reception(const store::Registry& registry, Seats& seats, IdentityRules rules)
      : registry_(registry), seats_(seats), rules_(std::move(rules)) {}

  // A seat, or a refusal by identity.h or admission.h. The caller's token is forgotten either way.
  Result<Seat> seat(Caller& caller);

 private:
  const store::Registry& registry_;
  Seats& seats_;
  IdentityRules rules_;
};

}  // namespace sluice::server
