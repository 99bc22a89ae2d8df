#include "daemon/server/tenants.h"

#include <pwd.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>

#include "wire/handshake.h"

namespace sluice::server {
namespace {

ino_t inode_of(const wire::SharedMemory& memory) {
  struct stat info {};
  return fstat(memory.fd(), &info) == 0 ? info.st_ino : 0;
}

bool same_slice(const allocator::Placement& a, const allocator::Placement& b) {
  return a.device == b.device && a.gpu == b.gpu && a.memory_bytes == b.memory_bytes;
}

}  // namespace

Tenant* Tenants::find(std::uint64_t id) {
  const auto found = tenants_.find(id);
  return found == tenants_.end() ? nullptr : found->second.get();
}

const Tenant* Tenants::find(std::uint64_t id) const {
  const auto found = tenants_.find(id);
  return found == tenants_.end() ? nullptr : found->second.get();
}

Result<Tenant*> Tenants::create(const TenantKey& key, const allocator::Placement& slice) {
  auto page = wire::SharedMemory::create("tenant", tenant_page_bytes);
  if (!page.ok()) return page.status();
  if (Status made = TenantMemory::initialise(page.value().bytes(), slice.memory_bytes); !made.ok()) return made;
  auto tenant = std::make_unique<Tenant>();
  tenant->key = key;
  tenant->slice = slice;
  tenant->terms.guarantee = slice.gpu;
  tenant->page = page.take();
  return tenants_.emplace(key.id, std::move(tenant)).first->second.get();
}

Result<Tenant*> Tenants::adopt(const TenantKey& key, const allocator::Placement& slice, wire::SharedMemory page) {
  if (Tenant* tenant = find(key.id); tenant != nullptr) {
    if (inode_of(tenant->page) == inode_of(page) && same_slice(tenant->slice, slice)) return tenant;
    return Status(Code::invalid_argument, "tenant " + key.name + " is here already, with another slice");
  }
  auto tenant = std::make_unique<Tenant>();
  tenant->key = key;
  tenant->slice = slice;
  tenant->terms.guarantee = slice.gpu;
  tenant->page = std::move(page);
  return tenants_.emplace(key.id, std::move(tenant)).first->second.get();
}

std::optional<std::uint32_t> Tenants::join(Tenant& tenant) {
  for (std::uint32_t slot = 0; slot < tenant_sessions_max; ++slot)
    if (join_at(tenant, slot)) return slot;
  return std::nullopt;
}

bool Tenants::join_at(Tenant& tenant, std::uint32_t slot) {
  if (slot >= tenant_sessions_max || tenant.slots[slot]) return false;
  tenant.slots.set(slot);
  return true;
}

bool Tenants::leave(Tenant& tenant, std::uint32_t slot) {
  TenantMemory(tenant.page.bytes(), slot).clear();
  tenant.slots.reset(slot);
  if (tenant.slots.any()) return false;
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
