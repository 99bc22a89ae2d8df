// Tenants: who has a slice now. A tenant is here for as long as it has sessions, and is known by its id alone. The
// slice of one that is registered is what the registry says; one that is not, ad hoc, is a user's.
//
// The first session fixes the device, and of an ad-hoc tenant the amounts too. All sessions share the slice. While it
// moves to another device, it is booked on both.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "allocator/node.h"
#include "base/contract.h"
#include "base/status.h"
#include "base/units.h"
#include "daemon/arbiter/terms.h"

namespace sluice::server {

inline constexpr std::size_t tenant_sessions_max = 256;

struct TenantKey {
  static constexpr std::uint32_t no_uid = ~0u;  // as in the kernel, nobody's: a registered tenant's
  std::uint64_t id = 0;                         // the registry's: who it is
  std::uint32_t uid = 0;
  std::string name;  // for people
};

// What a tenant may use, and where. The amounts are of each device of the site.
struct TenantSlice {
  allocator::Site site;
  MilliGpu gpu;
  std::uint64_t memory_bytes = 0;

  // The device that the tenant's new sessions run on: the first of the site. REQUIRES: the site has devices.
  std::uint32_t device() const {
    SLUICE_REQUIRE(site.devices != 0);
    return static_cast<std::uint32_t>(std::countr_zero(site.devices));
  }
  friend bool operator==(const TenantSlice&, const TenantSlice&) = default;
};

struct Tenant {
  TenantKey key;
  TenantSlice slice;  // its compute is terms.guarantee
  arbiter::ComputeTerms terms;
  std::size_t session_count = 0;
  std::map<std::uint32_t, std::size_t> sessions_on;  // by device
  // The slice is booked there, too: it moves, or could not be moved whole.
  std::optional<std::uint32_t> other_device;
  std::uint64_t move = 0;  // the number of the move of its slice (SliceTable::begin_move); 0: it does not move

  bool registered() const { return key.uid == TenantKey::no_uid; }
  std::size_t sessions() const { return session_count; }
  bool is_on(std::uint32_t device) const { return slice.device() == device || other_device == device; }
};

class Tenants {
 public:
  // Null: no such tenant now. Pointers stay good until leave() removes the tenant.
  Tenant* find(std::uint64_t id);
  const Tenant* find(std::uint64_t id) const;
  // REQUIRES: there is no such tenant.
  Tenant* create(const TenantKey& key, const TenantSlice& slice);
  // Takes over a tenant of an earlier daemon. invalid_argument: the tenant is here already, with another slice.
  Result<Tenant*> adopt(const TenantKey& key, const TenantSlice& slice);

  // One more session. False: there are tenant_sessions_max.
  static bool join(Tenant& tenant);
  // True: it was the tenant's last session, and the tenant is gone. REQUIRES: it has a session.
  bool leave(Tenant& tenant);

  const std::map<std::uint64_t, std::unique_ptr<Tenant>>& all() const { return tenants_; }

 private:
  std::map<std::uint64_t, std::unique_ptr<Tenant>> tenants_;  // by id
};

// The tenant of a user who names none: the user's name if this machine's own user list has it and it can be one, else
// "uid-1000". Asks no directory service, which could keep the daemon waiting.
std::string default_tenant_name(std::uint32_t uid);

}  // namespace sluice::server
