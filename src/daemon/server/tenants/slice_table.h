// SliceTable: which tenant holds which slice, and how many sessions use it. A device promises a slice for as long as a
// session uses it. What the registry says of a tenant with sessions holds for the tenant at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>

#include "base/status.h"
#include "daemon/server/devices/device_pool.h"
#include "daemon/server/runtime/signal.h"
#include "daemon/server/tenants/admission.h"
#include "daemon/server/tenants/tenants.h"
#include "daemon/sessions/worker_link.h"
#include "daemon/store/tenant_record.h"

namespace sluice::server {

// One session's use of its tenant's slice.
struct SliceUse {
  Tenant* tenant = nullptr;
  std::uint32_t uid = 0;  // the user whose program it is
  std::uint32_t device = 0;
};

class SliceTable {
 public:
  // Raised by change(), and when a registered tenant's first session is admitted.
  Signal<const Tenant&> terms_changed;

  // REQUIRES: `pool` outlives the table.
  SliceTable(DevicePool& pool, AdmissionRules rules) : pool_(pool), rules_(rules) {}

  // Admits one more session of the tenant, or says why not: as admission.h has it, and for a tenant without a slice
  //   exhausted         no room for one now
  //   invalid_argument  no device could ever hold it
  //   unavailable       the pool has no devices
  // `key`: an ad-hoc tenant's, of its user.
  Result<SliceUse> admit(const TenantKey& key, MilliGpu gpu, std::uint64_t memory_bytes);
  // `uid`: the user whose program it is for.
  Result<SliceUse> admit(const store::TenantRecord& tenant, std::uint32_t uid, MilliGpu gpu,
                         std::uint64_t memory_bytes);
  // A session that an earlier daemon admitted. No rule is applied again; the record must only contradict nothing.
  // `registered`: what the registry says of the tenant of that id now, which counts before what the session was given;
  // null: it is ad hoc.
  Result<SliceUse> adopt(const SessionRecord& record, const store::TenantRecord* registered = nullptr);
  // REQUIRES: `use` came from here, and was not released since.
  void release(const SliceUse& use);

  // ---- moves: all sessions of a tenant on a device, one after another ----
  // Could begin_move() be called? exhausted: the device has no room for the slice; invalid_argument: the slice is
  // there, or moves already, or is on two devices, and this is neither.
  Status check_move(const Tenant& tenant, std::uint32_t from, std::uint32_t to) const;
  // Books the slice on `to` as well, until end_move() finds no session of it there, or none elsewhere. The number is no
  // other move's.
  Result<std::uint64_t> begin_move(Tenant& tenant, std::uint32_t from, std::uint32_t to);
  // False: the tenant has gone since, and another one with its id may have come.
  bool is_moving(std::uint64_t tenant, std::uint64_t number) const;
  // The session is on that device from now on, and new ones of the tenant begin there. REQUIRES: booked there.
  void move(SliceUse& use, std::uint32_t to);
  // Nothing happens if the tenant is gone since.
  void end_move(std::uint64_t tenant, std::uint64_t number);

  // Could change() be called for all of these? exhausted: a device of one of them has no room for
  // more.
  Status check(std::span<const store::TenantRecord> tenants) const;
  // The tenant's new amounts and terms hold from now on, for its sessions too. A tenant without sessions is left as it
  // is.
  void change(const store::TenantRecord& tenant);

  const Tenants& tenants() const { return tenants_; }
  const AdmissionRules& rules() const { return rules_; }
  std::size_t taken() const { return taken_; }

 private:
  std::optional<LiveSlice> live(const TenantKey& key);
  Status may_share_user(std::uint32_t uid, const TenantKey& key) const;
  // The tenant's slice: its live one, or a new one for `request`.
  Result<SliceUse> acquire(const TenantKey& key, std::uint32_t uid, const std::optional<allocator::Request>& request);
  Result<Tenant*> place(const TenantKey& key, allocator::Request request);
  void count_session(const SliceUse& use);
  void swap_devices(Tenant& tenant);
  void drop_unused(Tenant& tenant);
  void set_terms(Tenant& tenant, const store::TenantRecord& record);

  DevicePool& pool_;
  AdmissionRules rules_;
  Tenants tenants_;
  std::map<std::uint32_t, std::multiset<std::uint64_t>> tenants_of_users_;  // by user: a tenant's id for each session
  std::size_t taken_ = 0;
  std::uint64_t draws_ = 0;  // of the policy: one for each new slice
  std::uint64_t last_move_ = 0;
};

}  // namespace sluice::server
