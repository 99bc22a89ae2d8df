#include "daemon/server/reception.h"

#include <cstring>

#include "daemon/server/peer_facts.h"

namespace sluice::server {

Result<Seat> Reception::seat(Caller& caller) {
  wire::AttachRequest& request = caller.request;
  const PeerWish wish{request.tenant, request.token};
  explicit_bzero(request.token, sizeof request.token);
  const std::uint32_t uid = caller.peer.credentials.uid;
  const std::string own_name = wish.tenant.empty() && wish.token.empty() ? default_tenant_name(uid) : "";
  const PeerFacts peer = facts_about(caller.socket.fd(), caller.peer);
  const auto identity = identify(registry_.list(), rules_, peer, wish, own_name);
  if (!identity.ok()) return identity.status();
  const MilliGpu gpu{request.gpu_milli};
  if (const store::TenantRecord* tenant = identity.value().registered; tenant != nullptr)
    return seats_.take(*tenant, gpu, request.memory_bytes);
  return seats_.take({uid, identity.value().ad_hoc}, gpu, request.memory_bytes);
}

}  // namespace sluice::server
