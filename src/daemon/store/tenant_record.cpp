#include "daemon/store/tenant_record.h"

#include <algorithm>

namespace sluice::store {
namespace {

// Absolute, and written in one way only: no "//", no "." or "..", no "/" at its end but the root's own.
bool plain_path(std::string_view path) {
  if (path == "/") return true;
  if (!path.starts_with('/') || path.ends_with('/') || path.size() > cgroup_bytes_max) return false;
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < ' ' || c == 127; })) return false;
  const std::string closed = std::string(path) + "/";
  return closed.find("//") == std::string::npos && closed.find("/./") == std::string::npos &&
         closed.find("/../") == std::string::npos;
}

Status wrong(const TenantRecord& record, const std::string& what) {
  return Status(Code::invalid_argument, "tenant " + record.name + ": " + what);
}

Status validate_rules(const TenantRecord& record) {
  if (record.rules.size() > rules_max)
    return wrong(record, "more than " + std::to_string(rules_max) + " rules; name a group or a cgroup instead");
  for (const Rule& rule : record.rules)
    if (rule.kind == RuleKind::cgroup && !plain_path(rule.path))
      return wrong(record, "a cgroup is a path from the root such as /machine.slice/alice.scope, without '.' and '..'");
  return Status();
}

}  // namespace

void tidy(TenantRecord& record) {
  std::sort(record.rules.begin(), record.rules.end());
  record.rules.erase(std::unique(record.rules.begin(), record.rules.end()), record.rules.end());
}

Status validate(const TenantRecord& record) {
  const arbiter::ComputeTerms& terms = record.terms;
  if (terms.cap.value == 0 || terms.cap > whole_gpu) return wrong(record, "its cap must be from 1m to 1000m");
  if (terms.guarantee > terms.cap)
    return wrong(record, "its guarantee of " + format_milli_gpu(terms.guarantee) + " is more than its cap of " +
                             format_milli_gpu(terms.cap));
  if (record.memory_bytes == 0 || record.memory_bytes >> 63 != 0)
    return wrong(record, "it needs an amount of memory, such as 2GiB");
  if (record.sessions_max == 0 || record.sessions_max > sessions_per_tenant_max)
    return wrong(record, "the number of its sessions must be from 1 to " + std::to_string(sessions_per_tenant_max));
  return validate_rules(record);
}

std::string describe(const Rule& rule) {
  switch (rule.kind) {
    case RuleKind::cgroup: return "cgroup " + rule.path;
    case RuleKind::uid: return "uid " + std::to_string(rule.id);
    case RuleKind::gid: return "gid " + std::to_string(rule.id);
  }
  return "";
}

}  // namespace sluice::store
