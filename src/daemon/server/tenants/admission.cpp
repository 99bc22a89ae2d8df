#include "daemon/server/tenants/admission.h"

namespace sluice::server {
namespace {

std::string describe(MilliGpu gpu, std::uint64_t memory_bytes) {
  const std::string memory = format_bytes(memory_bytes) + " of memory";
  return gpu.value > 0 ? format_milli_gpu(gpu) + " and " + memory : memory;
}

bool asks_for_other(const AdmissionRequest& request, MilliGpu gpu, std::uint64_t memory_bytes) {
  return (request.gpu.value > 0 && request.gpu != gpu) ||
         (request.memory_bytes > 0 && request.memory_bytes != memory_bytes);
}

Status pool_is_full(std::size_t sessions) {
  return Status(Code::quota_exceeded,
                "the pool has " + std::to_string(sessions) + " sessions, as many as it may (limits.sessions_max)");
}

Status join_live(const AdmissionRules& rules, const LiveSlice& live, const AdmissionRequest& request) {
  if (asks_for_other(request, live.slice.gpu, live.slice.memory_bytes))
    return Status(Code::invalid_argument, "tenant " + request.tenant + " already has a slice of " +
                                              describe(live.slice.gpu, live.slice.memory_bytes) +
                                              "; ask for the same or for nothing, or use another tenant's name");
  if (live.sessions >= rules.sessions_per_tenant_max)
    return Status(Code::quota_exceeded, "tenant " + request.tenant + " has " + std::to_string(live.sessions) +
                                            " sessions, as many as it may (limits.sessions_per_tenant_max)");
  return Status();
}

}  // namespace

Result<std::optional<allocator::Request>> admit(const AdmissionRules& rules, std::size_t sessions_now,
                                                const std::optional<LiveSlice>& live, const AdmissionRequest& request) {
  if (sessions_now >= rules.sessions_max) return pool_is_full(sessions_now);
  if (live) {
    SLUICE_TRY(join_live(rules, *live, request));
    return std::optional<allocator::Request>();
  }
  allocator::Request wanted;
  wanted.gpu = request.gpu.value > 0 ? request.gpu : rules.default_gpu;
  wanted.memory_bytes = request.memory_bytes > 0 ? request.memory_bytes : rules.default_memory_bytes.value_or(0);
  if (rules.memory_max_bytes && wanted.memory_bytes > *rules.memory_max_bytes)
    return Status(Code::quota_exceeded, format_bytes(wanted.memory_bytes) +
                                            " of memory is more than a tenant may have: " +
                                            format_bytes(*rules.memory_max_bytes) + " (limits.memory_max)");
  return std::optional(wanted);
}

Result<std::optional<allocator::Request>> admit_registered(const store::TenantRecord& tenant,
                                                           const AdmissionRules& rules, std::size_t sessions_now,
                                                           const std::optional<LiveSlice>& live,
                                                           const AdmissionRequest& request) {
  if (tenant.terms.suspended)
    return Status(Code::permission_denied,
                  "tenant " + tenant.name + " is suspended and gets no sessions until the pool's owner resumes it");
  if (asks_for_other(request, tenant.terms.guarantee, tenant.memory_bytes))
    return Status(Code::invalid_argument, "tenant " + tenant.name + " has a slice of " +
                                              describe(tenant.terms.guarantee, tenant.memory_bytes) +
                                              "; ask for the same or for nothing");
  if (sessions_now >= rules.sessions_max) return pool_is_full(sessions_now);
  const std::size_t sessions = live ? live->sessions : 0;
  if (sessions >= tenant.sessions_max)
    return Status(Code::quota_exceeded, "tenant " + tenant.name + " has " + std::to_string(sessions) +
                                            " sessions, as many as it may have (sluice tenant set --max-sessions)");
  if (live) return std::optional<allocator::Request>();
  allocator::Request wanted;
  wanted.gpu = tenant.terms.guarantee;
  wanted.memory_bytes = tenant.memory_bytes;
  return std::optional(wanted);
}

}  // namespace sluice::server
