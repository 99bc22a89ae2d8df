#include "daemon/server/front/identification.h"

#include <cstring>
#include <utility>
#include <vector>

#include "daemon/server/front/peer_facts.h"
#include "daemon/server/runtime/wall_clock.h"

namespace sluice::server {
namespace {

constexpr std::uint64_t noted_again_ns = 24 * 3600 * ns_per_s;  // when the time of a tenant's last use is renewed

}  // namespace

Result<SliceUse> Identification::admit(Caller& caller) {
  wire::AttachRequest& request = caller.request;
  const PeerWish wish{request.tenant, request.token};
  explicit_bzero(request.token, sizeof request.token);
  const std::uint32_t uid = caller.peer.credentials.uid;
  const std::string own_name = wish.tenant.empty() && wish.token.empty() ? default_tenant_name(uid) : "";
  const PeerFacts peer = facts_about(caller.socket.fd(), caller.peer);
  const auto identity = SLUICE_TRY(identify(registry_.list(), rules_, peer, wish, own_name));
  const MilliGpu gpu{request.gpu_milli};
  if (const store::TenantRecord* tenant = identity.registered; tenant != nullptr)
    return slices_.admit(*tenant, uid, gpu, request.memory_bytes);
  const auto key = ad_hoc_key(uid, identity.ad_hoc);
  return key.ok() ? slices_.admit(key.value(), gpu, request.memory_bytes) : key.status();
}

Result<TenantKey> Identification::ad_hoc_key(std::uint32_t uid, const std::string& name) {
  const store::AdHocTenant* known = registry_.list().find_ad_hoc(uid, name);
  const std::uint64_t now = unix_now_ns();
  if (known == nullptr || known->used_unix_ns + noted_again_ns < now) {
    if (known == nullptr && !new_tenants_.take(uid, now_ns()))
      return Status(Code::exhausted, "uid " + std::to_string(uid) + " makes up tenants too fast; use the names it has");
    SLUICE_TRY(note({0, uid, name, now}));
    known = registry_.list().find_ad_hoc(uid, name);
  }
  return TenantKey{known->id, uid, name};
}

Status Identification::note(const store::AdHocTenant& tenant) {
  Status noted = registry_.commit(store::PutAdHoc{tenant});
  if (noted.code() != Code::exhausted) return noted;
  const store::AdHocTenant* idle = idle_longest(tenant.uid);
  if (idle == nullptr) return noted;
  const std::uint64_t leaving = idle->id;
  const std::vector<store::Change> changes{store::RemoveAdHoc{leaving}, store::PutAdHoc{tenant}};
  noted = registry_.commit(changes);
  if (noted.ok()) removed.raise(leaving);
  return noted;
}

// Of the user's own; of everybody's if the user has none, and it is the pool that has too many.
const store::AdHocTenant* Identification::idle_longest(std::uint32_t uid) const {
  const store::AdHocTenant *own = nullptr, *any = nullptr;
  const auto longer = [](const store::AdHocTenant& tenant, const store::AdHocTenant* best) {
    return best == nullptr || tenant.used_unix_ns < best->used_unix_ns;
  };
  for (const auto& [key, tenant] : registry_.list().ad_hoc()) {
    if (std::as_const(slices_).tenants().find(tenant.id) != nullptr) continue;
    if (tenant.uid == uid && longer(tenant, own)) own = &tenant;
    if (longer(tenant, any)) any = &tenant;
  }
  return own != nullptr ? own : any;
}

}  // namespace sluice::server
