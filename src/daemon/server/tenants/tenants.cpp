#include "daemon/server/tenants/tenants.h"

#include <pwd.h>

#include <array>
#include <cstdio>

#include "base/contract.h"
#include "wire/handshake.h"

namespace sluice::server {

Tenant* Tenants::find(std::uint64_t id) {
  const auto found = tenants_.find(id);
  return found == tenants_.end() ? nullptr : found->second.get();
}

const Tenant* Tenants::find(std::uint64_t id) const {
  const auto found = tenants_.find(id);
  return found == tenants_.end() ? nullptr : found->second.get();
}

Tenant* Tenants::create(const TenantKey& key, const TenantSlice& slice) {
  SLUICE_REQUIRE(!tenants_.contains(key.id));
  auto tenant = std::make_unique<Tenant>();
  tenant->key = key;
  tenant->slice = slice;
  tenant->terms.guarantee = slice.gpu;
  return tenants_.emplace(key.id, std::move(tenant)).first->second.get();
}

Result<Tenant*> Tenants::adopt(const TenantKey& key, const TenantSlice& slice) {
  Tenant* tenant = find(key.id);
  if (tenant == nullptr) return create(key, slice);
  TenantSlice here = slice;
  here.site = tenant->slice.site;
  // It was moving, and is on two devices.
  const bool one_more = tenant->is_on(slice.device()) || !tenant->other_device;
  if (tenant->slice == here && one_more) return tenant;
  return Status(Code::invalid_argument, "tenant " + key.name + " is here already, with another slice");
}

bool Tenants::join(Tenant& tenant) {
  if (tenant.session_count == tenant_sessions_max) return false;
  ++tenant.session_count;
  return true;
}

bool Tenants::leave(Tenant& tenant) {
  SLUICE_REQUIRE(tenant.session_count > 0);
  if (--tenant.session_count > 0) return false;
  tenants_.erase(std::uint64_t{tenant.key.id});
  return true;
}

std::string default_tenant_name(std::uint32_t uid) {
  const std::unique_ptr<FILE, int (*)(FILE*)> users(std::fopen("/etc/passwd", "re"), &std::fclose);
  std::array<char, 4096> room;
  passwd entry{};
  passwd* found = nullptr;
  while (users && fgetpwent_r(users.get(), &entry, room.data(), room.size(), &found) == 0)
    if (found->pw_uid == uid && wire::valid_tenant_name(found->pw_name)) return found->pw_name;
  return "uid-" + std::to_string(uid);
}

}  // namespace sluice::server
