#include "daemon/server/tenants/slice_table.h"

#include <map>

namespace sluice::server {
namespace {

TenantKey key_of(const store::TenantRecord& tenant) { return {tenant.id, TenantKey::no_uid, tenant.name}; }

// How much more of a device is wanted.
struct Raise {
  std::int64_t gpu_milli = 0, memory_bytes = 0;
  std::string tenant;  // one that wants more
};

std::int64_t growth(std::uint64_t before, std::uint64_t after) {
  return static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before);
}

void add(Raise& raise, const Tenant& tenant, const store::TenantRecord& to) {
  const std::int64_t gpu = growth(tenant.slice.gpu.value, to.terms.guarantee.value);
  const std::int64_t memory = growth(tenant.slice.memory_bytes, to.memory_bytes);
  raise.gpu_milli += gpu;
  raise.memory_bytes += memory;
  if (gpu > 0 || memory > 0) raise.tenant = to.name;
}

// A device that is not offered any more has nothing free.
allocator::DeviceRoom room_of(const allocator::Inventory& inventory, std::uint32_t device) {
  for (const allocator::DeviceRoom& room : inventory)
    if (room.index == device) return room;
  return {device, "not enabled", {}, {}, 0, 0};
}

Status no_room(const allocator::DeviceRoom& room, const Raise& raise, const std::string& wanted) {
  return Status(Code::exhausted, "tenant " + raise.tenant + " runs on device " + std::to_string(room.index) + " (" +
                                     room.name + "), which has no room for " + wanted +
                                     " more: " + format_milli_gpu(room.gpu_free) + " and " +
                                     format_bytes(room.memory_free_bytes) + " of memory are free there");
}

Status fits(const allocator::DeviceRoom& room, const Raise& raise) {
  if (raise.gpu_milli > 0 && raise.gpu_milli > std::int64_t{room.gpu_free.value})
    return no_room(room, raise, format_milli_gpu(MilliGpu{static_cast<std::uint32_t>(raise.gpu_milli)}));
  if (raise.memory_bytes > 0 && static_cast<std::uint64_t>(raise.memory_bytes) > room.memory_free_bytes)
    return no_room(room, raise, format_bytes(static_cast<std::uint64_t>(raise.memory_bytes)));
  return Status();
}

}  // namespace

Result<SliceUse> SliceTable::admit(const TenantKey& key, MilliGpu gpu, std::uint64_t memory_bytes) {
  if (Status may = may_share_user(key.uid, key); !may.ok()) return may;
  const auto slice = server::admit(rules_, pool_.inventory(), taken_, live(key), {key.name, gpu, memory_bytes});
  return slice.ok() ? acquire(key, key.uid, slice.value()) : slice.status();
}

Result<SliceUse> SliceTable::admit(const store::TenantRecord& tenant, std::uint32_t uid, MilliGpu gpu,
                                   std::uint64_t memory_bytes) {
  const TenantKey key = key_of(tenant);
  if (Status may = may_share_user(uid, key); !may.ok()) return may;
  const bool is_new = tenants_.find(key.id) == nullptr;
  const auto slice =
      admit_registered(tenant, rules_, pool_.inventory(), taken_, live(key), {tenant.name, gpu, memory_bytes});
  if (!slice.ok()) return slice.status();
  auto use = acquire(key, uid, slice.value());
  if (use.ok() && is_new) set_terms(*use.value().tenant, tenant);
  return use;
}

std::optional<LiveSlice> SliceTable::live(const TenantKey& key) {
  const Tenant* tenant = tenants_.find(key.id);
  return tenant == nullptr ? std::nullopt : std::optional(LiveSlice{tenant->slice, tenant->sessions()});
}

// Programs of one user may read each other's memory through /proc, whatever their tenants are.
Status SliceTable::may_share_user(std::uint32_t uid, const TenantKey& key) const {
  const auto found = tenants_of_users_.find(uid);
  if (rules_.share_uid || found == tenants_of_users_.end()) return Status();
  for (const std::uint64_t id : found->second)
    if (const Tenant* other = tenants_.find(id); id != key.id && other != nullptr)
      return Status(Code::permission_denied,
                    "uid " + std::to_string(uid) + " has sessions of tenant " + other->key.name +
                        ", and programs of one user can read each other's memory; run tenant " + key.name +
                        " as another user, or the pool's owner allows it with tenants.share_uid");
  return Status();
}

Result<SliceUse> SliceTable::acquire(const TenantKey& key, std::uint32_t uid, const allocator::Placement& slice) {
  Tenant* tenant = tenants_.find(key.id);
  if (tenant == nullptr) {
    tenant = tenants_.create(key, slice);
    pool_.promise(slice.device, slice.gpu, slice.memory_bytes);
  }
  if (!Tenants::join(*tenant))
    return Status(Code::exhausted, "tenant " + key.name + " has no room for another session");
  ++taken_;
  tenants_of_users_[uid].insert(key.id);
  return SliceUse{tenant, uid};
}

Result<SliceUse> SliceTable::adopt(const SessionRecord& record, const store::TenantRecord* registered) {
  const TenantKey key =
      registered != nullptr ? key_of(*registered) : TenantKey{record.tenant_id, record.client_uid, record.tenant};
  allocator::Placement slice{record.device_index, MilliGpu{record.gpu_milli}, record.memory_limit_bytes};
  if (registered != nullptr) slice = {record.device_index, registered->terms.guarantee, registered->memory_bytes};
  if (pool_.find(record.device_index) == nullptr)
    return Status(Code::not_found, "device " + std::to_string(record.device_index) + " is not there any more");
  const bool is_new = tenants_.find(key.id) == nullptr;
  const auto tenant = tenants_.adopt(key, slice);
  if (!tenant.ok()) return tenant.status();
  if (!Tenants::join(*tenant.value()))
    return Status(Code::exhausted, "tenant " + key.name + " has no room for another session");
  if (is_new) pool_.promise(slice.device, slice.gpu, slice.memory_bytes);
  ++taken_;
  tenants_of_users_[record.client_uid].insert(key.id);
  if (is_new && registered != nullptr) set_terms(*tenant.value(), *registered);
  return SliceUse{tenant.value(), record.client_uid};
}

void SliceTable::release(const SliceUse& use) {
  --taken_;
  auto& of_user = tenants_of_users_[use.uid];
  if (const auto one = of_user.find(use.tenant->key.id); one != of_user.end()) of_user.erase(one);
  if (of_user.empty()) tenants_of_users_.erase(use.uid);
  const allocator::Placement slice = use.tenant->slice;
  if (tenants_.leave(*use.tenant)) pool_.take_back(slice.device, slice.gpu, slice.memory_bytes);
}

Status SliceTable::check(std::span<const store::TenantRecord> tenants) const {
  std::map<std::uint32_t, Raise> raises;  // by device
  for (const store::TenantRecord& to : tenants)
    if (const Tenant* tenant = tenants_.find(to.id); tenant != nullptr) add(raises[tenant->slice.device], *tenant, to);
  const allocator::Inventory inventory = pool_.inventory();
  for (const auto& [device, raise] : raises)
    if (Status fit = fits(room_of(inventory, device), raise); !fit.ok()) return fit;
  return Status();
}

void SliceTable::change(const store::TenantRecord& record) {
  Tenant* tenant = tenants_.find(record.id);
  if (tenant == nullptr) return;
  allocator::Placement& slice = tenant->slice;
  pool_.take_back(slice.device, slice.gpu, slice.memory_bytes);
  slice = {slice.device, record.terms.guarantee, record.memory_bytes};
  pool_.promise(slice.device, slice.gpu, slice.memory_bytes);
  set_terms(*tenant, record);
}

void SliceTable::set_terms(Tenant& tenant, const store::TenantRecord& record) {
  tenant.terms = record.terms;
  if (terms_changed_) terms_changed_(tenant);
}

}  // namespace sluice::server
