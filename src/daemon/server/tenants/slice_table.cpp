#include "daemon/server/tenants/slice_table.h"

#include <algorithm>

#include "allocator/explanation.h"
#include "allocator/resize_check.h"
#include "base/contract.h"

namespace sluice::server {
namespace {

using allocator::Obstacle;
using allocator::Overcommit;
using allocator::Request;

TenantKey key_of(const store::TenantRecord& tenant) { return {tenant.id, TenantKey::no_uid, tenant.name}; }

Code code_of(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::no_devices: return Code::unavailable;
    case Obstacle::larger_than_any: return Code::invalid_argument;
    case Obstacle::devices:
    case Obstacle::node:
    case Obstacle::affinity:
    case Obstacle::health: break;
  }
  return Code::exhausted;
}

// Of what an earlier daemon admitted: larger amounts are a defect of the record, and their sums might overflow.
constexpr std::uint64_t slice_bytes_max = 1ull << 50;

Request request_for(std::uint64_t tenant, MilliGpu gpu, std::uint64_t memory_bytes) {
  Request request;
  request.tenant = tenant;
  request.gpu = gpu;
  request.memory_bytes = memory_bytes;
  return request;
}

}  // namespace

Result<SliceUse> SliceTable::admit(const TenantKey& key, MilliGpu gpu, std::uint64_t memory_bytes) {
  SLUICE_TRY(may_share_user(key.uid, key));
  return acquire(key, key.uid, SLUICE_TRY(server::admit(rules_, taken_, live(key), {key.name, gpu, memory_bytes})));
}

Result<SliceUse> SliceTable::admit(const store::TenantRecord& tenant, std::uint32_t uid, MilliGpu gpu,
                                   std::uint64_t memory_bytes) {
  const TenantKey key = key_of(tenant);
  SLUICE_TRY(may_share_user(uid, key));
  const bool is_new = tenants_.find(key.id) == nullptr;
  const auto request =
      SLUICE_TRY(admit_registered(tenant, rules_, taken_, live(key), {tenant.name, gpu, memory_bytes}));
  const SliceUse use = SLUICE_TRY(acquire(key, uid, request));
  if (is_new) set_terms(*use.tenant, tenant);
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

Result<SliceUse> SliceTable::acquire(const TenantKey& key, std::uint32_t uid, const std::optional<Request>& request) {
  Tenant* tenant = request ? SLUICE_TRY(place(key, *request)) : tenants_.find(key.id);
  SLUICE_INVARIANT(tenant != nullptr);
  if (!Tenants::join(*tenant))
    return Status(Code::exhausted, "tenant " + key.name + " has no room for another session");
  count_session(*tenant, uid);
  return SliceUse{tenant, uid};
}

Result<Tenant*> SliceTable::place(const TenantKey& key, Request request) {
  request.tenant = key.id;
  const auto site = pool_.placer().choose(request, ++draws_);
  if (!site) {
    const auto refusal = allocator::explain(pool_.pool(), request, std::nullopt, pool_.class_names());
    const std::string ill = pool_.ill_devices();
    return Status(code_of(refusal.obstacle), refusal.reason + (ill.empty() ? "" : " (" + ill + ")"));
  }
  TenantSlice slice{*site, request.gpu, 0};
  const allocator::Device& device = pool_.pool().view(site->node).devices[slice.device()];
  slice.memory_bytes = allocator::memory_wanted_bytes(device, shape_of(request));
  if (rules_.memory_max_bytes && request.memory_bytes == 0)
    slice.memory_bytes = std::min(slice.memory_bytes, *rules_.memory_max_bytes);
  const Status placed = pool_.pool().place(key.id, request_for(key.id, slice.gpu, slice.memory_bytes), *site);
  SLUICE_INVARIANT(placed.ok());
  return tenants_.create(key, slice);
}

void SliceTable::count_session(Tenant& tenant, std::uint32_t uid) {
  ++taken_;
  tenants_of_users_[uid].insert(tenant.key.id);
}

Result<SliceUse> SliceTable::adopt(const SessionRecord& record, const store::TenantRecord* registered) {
  const TenantKey key =
      registered != nullptr ? key_of(*registered) : TenantKey{record.tenant_id, record.client_uid, record.tenant};
  SLUICE_REQUIRE(!record.bindings.empty());
  const std::uint32_t device = record.bindings.front().device;
  if (pool_.find(device) == nullptr)
    return Status(Code::not_found, "device " + std::to_string(device) + " is not there any more");
  TenantSlice slice{site_on(device), MilliGpu{record.limits.gpu_milli}, record.limits.memory_bytes};
  if (registered != nullptr) slice = {slice.site, registered->terms.guarantee, registered->memory_bytes};
  if (slice.gpu > whole_gpu || slice.memory_bytes > slice_bytes_max)
    return Status(Code::invalid_argument, "no daemon gives tenant " + key.name + " a slice of " +
                                              format_milli_gpu(slice.gpu) + " and " + format_bytes(slice.memory_bytes));
  const bool is_new = tenants_.find(key.id) == nullptr;
  Tenant& tenant = *SLUICE_TRY(tenants_.adopt(key, slice));
  if (!Tenants::join(tenant)) return Status(Code::exhausted, "tenant " + key.name + " has no room for another session");
  if (is_new) {
    const Request request = request_for(key.id, slice.gpu, slice.memory_bytes);
    pool_.placer().learn(request);
    const Status placed = pool_.pool().place(key.id, request, slice.site, Overcommit::allow);
    SLUICE_INVARIANT(placed.ok());
  }
  count_session(tenant, record.client_uid);
  if (is_new && registered != nullptr) set_terms(tenant, *registered);
  return SliceUse{&tenant, record.client_uid};
}

void SliceTable::release(const SliceUse& use) {
  SLUICE_REQUIRE(taken_ > 0 && use.tenant != nullptr);
  --taken_;
  const std::uint64_t id = use.tenant->key.id;
  auto& of_user = tenants_of_users_[use.uid];
  const auto one = of_user.find(id);
  SLUICE_REQUIRE(one != of_user.end());
  of_user.erase(one);
  if (of_user.empty()) tenants_of_users_.erase(use.uid);
  if (!tenants_.leave(*use.tenant)) return;
  const Status released = pool_.pool().release(id);
  SLUICE_INVARIANT(released.ok());
  pool_.placer().departed();
}

Status SliceTable::check(std::span<const store::TenantRecord> tenants) const {
  std::vector<allocator::Resize> resizes;
  for (const store::TenantRecord& to : tenants)
    if (tenants_.find(to.id) != nullptr)
      resizes.push_back({to.id, request_for(to.id, to.terms.guarantee, to.memory_bytes)});
  const auto refusal = allocator::check_resizes(pool_.pool(), resizes, pool_.class_names());
  if (!refusal) return Status();
  return Status(Code::exhausted, "tenant " + tenants_.find(refusal->slice)->key.name + " runs on " + refusal->reason);
}

void SliceTable::change(const store::TenantRecord& record) {
  Tenant* tenant = tenants_.find(record.id);
  if (tenant == nullptr) return;
  tenant->slice = {tenant->slice.site, record.terms.guarantee, record.memory_bytes};
  // check() allowed the changes of several tenants together; one of them may grow before another shrinks.
  const Status resized = pool_.pool().resize(
      record.id, request_for(record.id, record.terms.guarantee, record.memory_bytes), Overcommit::allow);
  SLUICE_INVARIANT(resized.ok());
  set_terms(*tenant, record);
}

void SliceTable::set_terms(Tenant& tenant, const store::TenantRecord& record) {
  tenant.terms = record.terms;
  terms_changed.raise(tenant);
}

}  // namespace sluice::server
