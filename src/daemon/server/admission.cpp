#include "daemon/server/admission.h"

namespace sluice::server {
namespace {

using allocator::Placement;
using allocator::RefusalKind;

std::string describe(const Placement& slice) {
  const std::string memory = format_bytes(slice.memory_bytes) + " of memory";
  return slice.gpu.value > 0 ? format_milli_gpu(slice.gpu) + " and " + memory : memory;
}

Result<Placement> join_live(const AdmissionRules& rules, const LiveSlice& live, const AdmissionRequest& request) {
  const bool other_gpu = request.gpu.value > 0 && request.gpu != live.slice.gpu;
  const bool other_memory = request.memory_bytes > 0 && request.memory_bytes != live.slice.memory_bytes;
  if (other_gpu || other_memory)
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
  if (sessions_now >= rules.sessions_max)
    return Status(Code::quota_exceeded, "the pool has " + std::to_string(sessions_now) +
                                            " sessions, as many as it may (limits.sessions_max)");
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

}  // namespace sluice::server
