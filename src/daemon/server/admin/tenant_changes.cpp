#include "daemon/server/admin/tenant_changes.h"

#include <set>

#include "base/contract.h"

namespace sluice::server {
namespace {

using store::TenantRecord;

// Amounts that look the same when rounded are told apart to the byte.
std::string memory_change(std::uint64_t before, std::uint64_t after) {
  std::string from = format_bytes(before), to = format_bytes(after);
  if (from == to) from = std::to_string(before) + " B", to = std::to_string(after) + " B";
  return from + " -> " + to;
}

std::string class_text(const TenantRecord& tenant) { return std::string(class_name(tenant.terms.priority_class)); }

std::string rules_text(const TenantRecord& tenant) {
  std::string all;
  for (const store::Rule& rule : tenant.rules) all += (all.empty() ? "" : ", ") + store::describe(rule);
  return all.empty() ? "no rules" : all;
}

// "a, b, c", without what is empty.
std::string listed(const std::vector<std::string>& items) {
  std::string all;
  for (const std::string& item : items)
    if (!item.empty()) all += (all.empty() ? "" : ", ") + item;
  return all;
}

std::string changed(const std::string& what, const std::string& before, const std::string& after) {
  return before == after ? "" : what + " " + before + " -> " + after;
}

}  // namespace

std::string describe(const TenantRecord& tenant) {
  const arbiter::ComputeTerms& terms = tenant.terms;
  return listed({format_milli_gpu(terms.guarantee) + " guaranteed", "cap " + format_milli_gpu(terms.cap),
                 "class " + class_text(tenant), format_bytes(tenant.memory_bytes) + " of memory",
                 std::to_string(tenant.sessions_max) + " sessions", rules_text(tenant),
                 terms.suspended ? "suspended" : ""});
}

std::string difference(const TenantRecord& before, const TenantRecord& after) {
  const arbiter::ComputeTerms &from = before.terms, &to = after.terms;
  const bool same_memory = before.memory_bytes == after.memory_bytes;
  const bool same_state = from.suspended == to.suspended;
  return listed({changed("guarantee", format_milli_gpu(from.guarantee), format_milli_gpu(to.guarantee)),
                 changed("cap", format_milli_gpu(from.cap), format_milli_gpu(to.cap)),
                 changed("class", class_text(before), class_text(after)),
                 same_memory ? "" : "memory " + memory_change(before.memory_bytes, after.memory_bytes),
                 changed("sessions", std::to_string(before.sessions_max), std::to_string(after.sessions_max)),
                 changed("rules", rules_text(before), rules_text(after)),
                 same_state     ? ""
                 : to.suspended ? "suspended"
                                : "resumed"});
}

std::vector<Step> plan_one(const store::TenantList& list, const TenantRecord& wanted) {
  const TenantRecord* before = list.find(wanted.name);
  if (before == nullptr) return {{Step::Kind::create, wanted, describe(wanted)}};
  const std::string what = difference(*before, wanted);
  if (what.empty()) return {};
  Step change{Step::Kind::change, wanted, what};
  change.tenant.id = before->id;
  return {change};
}

std::vector<Step> plan(const store::TenantList& list, const std::vector<TenantRecord>& wanted) {
  std::vector<Step> steps;
  std::set<std::string> names;
  for (const TenantRecord& tenant : wanted) {
    const bool wanted_once = names.insert(tenant.name).second;
    SLUICE_REQUIRE(wanted_once);
    for (Step& step : plan_one(list, tenant)) steps.push_back(std::move(step));
  }
  for (const auto& [name, tenant] : list.tenants())
    if (!names.contains(name)) steps.push_back({Step::Kind::remove, tenant, ""});
  return steps;
}

std::vector<store::Change> changes_of(const std::vector<Step>& steps) {
  std::vector<store::Change> changes;
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::remove) changes.emplace_back(store::RemoveTenant{step.tenant.name});
    else changes.emplace_back(store::PutTenant{step.tenant});
  }
  return changes;
}

std::string kind_word(Step::Kind kind) {
  switch (kind) {
    case Step::Kind::create: return "create";
    case Step::Kind::change: return "change";
    case Step::Kind::remove: return "delete";
  }
  return "";
}

}  // namespace sluice::server
