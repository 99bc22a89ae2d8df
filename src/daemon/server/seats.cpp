#include "daemon/server/seats.h"

namespace sluice::server {

Result<Seat> Seats::take(const TenantKey& key, MilliGpu gpu, std::uint64_t memory_bytes) {
  Tenant* tenant = tenants_.find(key);
  std::optional<LiveSlice> live;
  if (tenant != nullptr) live = LiveSlice{tenant->slice, tenant->sessions()};
  const auto slice = admit(rules_, pool_.inventory(), taken_, live, {key.name, gpu, memory_bytes});
  if (!slice.ok()) return slice.status();
  if (tenant == nullptr) {
    auto created = tenants_.create(key, slice.value());
    if (!created.ok()) return created.status();
    tenant = created.value();
    pool_.promise(tenant->slice.device, tenant->slice.gpu, tenant->slice.memory_bytes);
  }
  const auto slot = tenants_.join(*tenant);
  if (!slot) return Status(Code::exhausted, "tenant " + key.name + " has no room for another session");
  ++taken_;
  return Seat{tenant, *slot};
}

Result<Seat> Seats::adopt(const SessionRecord& record, wire::SharedMemory tenant_page) {
  const TenantKey key{record.client_uid, record.tenant};
  const allocator::Placement slice{record.device_index, MilliGpu{record.gpu_milli}, record.memory_limit_bytes};
  if (pool_.find(record.device_index) == nullptr)
    return Status(Code::not_found, "device " + std::to_string(record.device_index) + " is not there any more");
  const bool is_new = tenants_.find(key) == nullptr;
  const auto tenant = tenants_.adopt(key, slice, std::move(tenant_page));
  if (!tenant.ok()) return tenant.status();
  if (!tenants_.join_at(*tenant.value(), record.tenant_slot))
    return Status(Code::invalid_argument, "its place in the tenant's page is taken");
  if (is_new) pool_.promise(slice.device, slice.gpu, slice.memory_bytes);
  ++taken_;
  return Seat{tenant.value(), record.tenant_slot};
}

void Seats::leave(const Seat& seat) {
  --taken_;
  const allocator::Placement slice = seat.tenant->slice;
  if (tenants_.leave(*seat.tenant, seat.slot)) pool_.take_back(slice.device, slice.gpu, slice.memory_bytes);
}

}  // namespace sluice::server
