#include "daemon/server/tenants/admission.h"

namespace sluice::server {
namespace {

using allocator::Placement;
using allocator::RefusalKind;

std::string describe(const Placement& slice) {
  const std::string memory = format_bytes(slice.memory_bytes) + " of memory";
  return slice.gpu.value > 0 ? format_milli_gpu(slice.gpu) + " and " + memory : memory;
}

bool asks_for_other(const AdmissionRequest& request, MilliGpu gpu, std::uint64_t memory_bytes) {
  return (request.gpu.value > 0 && request.gpu != gpu) ||
         (request.memory_bytes > 0 && request.memory_bytes != memory_bytes);
}

Status pool_is_full(std::size_t sessions) {
  return Status(Code::quota_exceeded,
                "the pool has " + std::to_string(sessions) + " sessions, as many as it may (limits.sessions_max)");
}

Result<Placement> join_live(const AdmissionRules& rules, const LiveSlice& live, const AdmissionRequest& request) {
  if (asks_for_other(request, live.slice.gpu, live.slice.memory_bytes))
    return Status(Code::invalid_argument, "tenant " + request.tenant + " already has a slice of " +
                                              describe(live.slice) +
                                              "; ask for the same or for nothing, or use another tenant's name");
  if (live.sessions >= rules.sessions_per_tenant_max)
    return Status(Code::quota_exceeded, "tenant " + request.tenant + " has " + std::to_string(live.sessions) +
                                            " sessions, as many as it may (limits.sessions_per_tenant_max)");
  return live.slice;
}

Code code_of(RefusalKind kind) {
  switch (kind) {
    case RefusalKind::no_devices: return Code::unavailable;
    case RefusalKind::larger_than_any: return Code::invalid_argument;
    case RefusalKind::no_room_now: return Code::exhausted;
  }
  return Code::internal;
}

}  // namespace

Result<Placement> admit(const AdmissionRules& rules, const allocator::Inventory& inventory, std::size_t sessions_now,
                        const std::optional<LiveSlice>& live, const AdmissionRequest& request) {
  if (sessions_now >= rules.sessions_max) return pool_is_full(sessions_now);
  if (live) return join_live(rules, *live, request);
  allocator::Request wanted;
  wanted.gpu = request.gpu.value > 0 ? request.gpu : rules.default_gpu;
  wanted.memory_bytes = request.memory_bytes > 0 ? request.memory_bytes : rules.default_memory_bytes.value_or(0);
  if (rules.memory_max_bytes && wanted.memory_bytes > *rules.memory_max_bytes)
    return Status(Code::quota_exceeded, format_bytes(wanted.memory_bytes) +
                                            " of memory is more than a tenant may have: " +
                                            format_bytes(*rules.memory_max_bytes) + " (limits.memory_max)");
  allocator::Decision decision = allocator::place(inventory, wanted);
  if (decision.refusal) return Status(code_of(decision.refusal->kind), decision.refusal->reason);
  Placement slice = *decision.placement;
  if (rules.memory_max_bytes) slice.memory_bytes = std::min(slice.memory_bytes, *rules.memory_max_bytes);
  return slice;
}

Result<Placement> admit_registered(const store::TenantRecord& tenant, const AdmissionRules& rules,
                                   const allocator::Inventory& inventory, std::size_t sessions_now,
                                   const std::optional<LiveSlice>& live, const AdmissionRequest& request) {
  if (tenant.terms.suspended)
    return Status(Code::permission_denied,
                  "tenant " + tenant.name + " is suspended and gets no sessions until the pool's owner resumes it");
  if (asks_for_other(request, tenant.terms.guarantee, tenant.memory_bytes))
    return Status(Code::invalid_argument, "tenant " + tenant.name + " has a slice of " +
                                              describe({0, tenant.terms.guarantee, tenant.memory_bytes}) +
                                              "; ask for the same or for nothing");
  if (sessions_now >= rules.sessions_max) return pool_is_full(sessions_now);
  const std::size_t sessions = live ? live->sessions : 0;
  if (sessions >= tenant.sessions_max)
    return Status(Code::quota_exceeded, "tenant " + tenant.name + " has " + std::to_string(sessions) +
                                            " sessions, as many as it may have (sluice tenant set --max-sessions)");
  if (live) return live->slice;
  allocator::Decision decision = allocator::place(inventory, {tenant.terms.guarantee, tenant.memory_bytes});
  if (decision.refusal) return Status(code_of(decision.refusal->kind), decision.refusal->reason);
  return *decision.placement;
}

}  // namespace sluice::server
