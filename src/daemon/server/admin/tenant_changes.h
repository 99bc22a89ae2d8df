// What changes about tenants, worked out and in words. Pure.
#pragma once

#include <string>
#include <vector>

#include "daemon/store/tenant_list.h"

namespace sluice::server {

// "250m guaranteed, cap 500m, class standard, 2 GiB of memory, 8 sessions, uid 1000".
std::string describe(const store::TenantRecord& tenant);
// "cap 500m -> 750m, memory 2 GiB -> 1 GiB"; empty: nothing differs.
std::string difference(const store::TenantRecord& before, const store::TenantRecord& after);

// One tenant's part of a change of the list.
struct Step {
  enum class Kind { create, change, remove };
  Kind kind = Kind::create;
  store::TenantRecord tenant;  // as it will be; of one that is removed, as it was
  std::string what;            // describe() or difference(); empty for a removal
};

// What makes the list hold just the tenants that are `wanted`: creations and changes, then removals, each by name.
// REQUIRES: no name is wanted twice.
std::vector<Step> plan(const store::TenantList& list, const std::vector<store::TenantRecord>& wanted);
// The one step that creates or changes this tenant. Nothing: it is as it should be.
std::vector<Step> plan_one(const store::TenantList& list, const store::TenantRecord& wanted);

std::vector<store::Change> changes_of(const std::vector<Step>& steps);
// "create", "change", "delete".
std::string kind_word(Step::Kind kind);

}  // namespace sluice::server
