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

// What a tenant's slice is called in the books on the second device of a move. No tenant has such an id.
constexpr std::uint64_t other_bit = 1ull << 63;

std::uint64_t other_id(const Tenant& tenant) { return tenant.key.id | other_bit; }

Request request_of(const Tenant& tenant) {
  return request_for(tenant.key.id, tenant.slice.gpu, tenant.slice.memory_bytes);
}

// "250m and 2 GiB of memory"
std::string amounts_text(std::uint64_t milli, std::uint64_t memory_bytes) {
  return format_milli_gpu(MilliGpu{static_cast<std::uint32_t>(milli)}) + " and " + format_bytes(memory_bytes) +
         " of memory";
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
  const SliceUse use{tenant, uid, tenant->slice.device()};
  count_session(use);
  return use;
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

void SliceTable::count_session(const SliceUse& use) {
  ++taken_;
  ++use.tenant->sessions_on[use.device];
  tenants_of_users_[use.uid].insert(use.tenant->key.id);
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
  if (!tenant.is_on(device)) {
    tenant.other_device = device;
    const Status placed = pool_.pool().place(other_id(tenant), request_of(tenant), slice.site, Overcommit::allow);
    SLUICE_INVARIANT(placed.ok());
  }
  const SliceUse use{&tenant, record.client_uid, device};
  count_session(use);
  if (is_new && registered != nullptr) set_terms(tenant, *registered);
  return use;
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
  --use.tenant->sessions_on[use.device];
  if (!tenants_.leave(*use.tenant)) return drop_unused(*use.tenant);
  const Status released = pool_.pool().release(id);
  SLUICE_INVARIANT(released.ok());
  (void)pool_.pool().release(id | other_bit);
  pool_.placer().departed();
}

// ---- moves ----

Status SliceTable::check_move(const Tenant& tenant, std::uint32_t from, std::uint32_t to) const {
  const auto refused = [&](const std::string& why) {
    return Status(Code::invalid_argument, "tenant " + tenant.key.name + why);
  };
  if (tenant.move != 0) return refused("'s slice is being moved already");
  if (tenant.is_on(to)) return Status();
  if (tenant.other_device)
    return refused(" is on the devices " + std::to_string(tenant.slice.device()) + " and " +
                   std::to_string(*tenant.other_device) + ": its last move did not end; move it to one of them first");
  if (tenant.slice.device() != from) return refused("'s slice is on another device");
  const allocator::Device& device = pool_.pool().view(0).devices[to];
  const TenantSlice& slice = tenant.slice;
  if (!device.healthy) return Status(Code::exhausted, "device " + std::to_string(to) + " takes no slices now");
  if (device.milli_free >= slice.gpu.value && device.memory_free >= slice.memory_bytes) return Status();
  return Status(Code::exhausted, "device " + std::to_string(to) + " has no room for tenant " + tenant.key.name +
                                     "'s slice: it is " + amounts_text(slice.gpu.value, slice.memory_bytes) + ", and " +
                                     amounts_text(device.milli_free, device.memory_free) + " are free there");
}

Result<std::uint64_t> SliceTable::begin_move(Tenant& tenant, std::uint32_t from, std::uint32_t to) {
  SLUICE_TRY(check_move(tenant, from, to));
  if (!tenant.is_on(to)) {
    SLUICE_TRY(pool_.pool().place(other_id(tenant), request_of(tenant), site_on(to)));
    tenant.other_device = to;
  }
  tenant.move = ++last_move_;
  return tenant.move;
}

bool SliceTable::is_moving(std::uint64_t id, std::uint64_t number) const {
  const Tenant* tenant = tenants_.find(id);
  return tenant != nullptr && tenant->move == number;
}

void SliceTable::move(SliceUse& use, std::uint32_t to) {
  Tenant& tenant = *use.tenant;
  SLUICE_REQUIRE(tenant.is_on(to));
  --tenant.sessions_on[use.device];
  ++tenant.sessions_on[to];
  use.device = to;
  if (tenant.slice.device() != to) swap_devices(tenant);
}

void SliceTable::end_move(std::uint64_t id, std::uint64_t number) {
  if (!is_moving(id, number)) return;
  Tenant* tenant = tenants_.find(id);
  tenant->move = 0;
  drop_unused(*tenant);
}

// The books of both, too.
void SliceTable::swap_devices(Tenant& tenant) {
  SLUICE_REQUIRE(tenant.other_device.has_value());
  const std::uint32_t other = *tenant.other_device;
  tenant.other_device = tenant.slice.device();
  tenant.slice.site = site_on(other);
  allocator::Pool& books = pool_.pool();
  for (const std::uint64_t id : {tenant.key.id, other_id(tenant)}) {
    const Status released = books.release(id);
    SLUICE_INVARIANT(released.ok());
  }
  const Request request = request_of(tenant);
  const Status placed = books.place(tenant.key.id, request, tenant.slice.site, Overcommit::allow);
  const Status kept = books.place(other_id(tenant), request, site_on(*tenant.other_device), Overcommit::allow);
  SLUICE_INVARIANT(placed.ok() && kept.ok());
}

// Of two devices, the one without a session.
void SliceTable::drop_unused(Tenant& tenant) {
  if (tenant.move != 0 || !tenant.other_device) return;
  if (tenant.sessions_on[tenant.slice.device()] == 0 && tenant.sessions_on[*tenant.other_device] > 0)
    swap_devices(tenant);
  if (tenant.sessions_on[*tenant.other_device] > 0) return;
  const Status released = pool_.pool().release(other_id(tenant));
  SLUICE_INVARIANT(released.ok());
  tenant.sessions_on.erase(*tenant.other_device);
  tenant.other_device.reset();
  pool_.placer().departed();
}

// ---- changes ----

Status SliceTable::check(std::span<const store::TenantRecord> tenants) const {
  std::vector<allocator::Resize> resizes;
  for (const store::TenantRecord& to : tenants) {
    const Tenant* tenant = tenants_.find(to.id);
    if (tenant == nullptr) continue;
    const Request request = request_for(to.id, to.terms.guarantee, to.memory_bytes);
    resizes.push_back({to.id, request});
    if (tenant->other_device) resizes.push_back({other_id(*tenant), request});
  }
  const auto refusal = allocator::check_resizes(pool_.pool(), resizes, pool_.class_names());
  if (!refusal) return Status();
  return Status(Code::exhausted,
                "tenant " + tenants_.find(refusal->slice & ~other_bit)->key.name + " runs on " + refusal->reason);
}

void SliceTable::change(const store::TenantRecord& record) {
  Tenant* tenant = tenants_.find(record.id);
  if (tenant == nullptr) return;
  tenant->slice = {tenant->slice.site, record.terms.guarantee, record.memory_bytes};
  // check() allowed the changes of several tenants together; one of them may grow before another shrinks.
  const Status resized = pool_.pool().resize(record.id, request_of(*tenant), Overcommit::allow);
  SLUICE_INVARIANT(resized.ok());
  if (tenant->other_device) (void)pool_.pool().resize(other_id(*tenant), request_of(*tenant), Overcommit::allow);
  set_terms(*tenant, record);
}

void SliceTable::set_terms(Tenant& tenant, const store::TenantRecord& record) {
  tenant.terms = record.terms;
  terms_changed.raise(tenant);
}

}  // namespace sluice::server
