#include "daemon/server/admin/tenant_changes.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::server;
using namespace sluice::store;

namespace {

TenantRecord tenant(const std::string& name) {
  TenantRecord record;
  record.name = name;
  record.terms = {MilliGpu{250}, MilliGpu{500}};
  record.memory_bytes = 2ull << 30;
  record.sessions_max = 8;
  record.rules = {{RuleKind::cgroup, 0, "/a.slice"}, {RuleKind::uid, 1000, ""}};
  return record;
}

TenantList list_of(const std::vector<TenantRecord>& tenants) {
  TenantList list;
  for (const TenantRecord& each : tenants) REQUIRE(list.apply(PutTenant{each}).ok());
  return list;
}

std::string in_words(const std::vector<Step>& steps) {
  std::string words;
  for (const Step& step : steps)
    words += kind_word(step.kind) + " " + step.tenant.name + (step.what.empty() ? "" : ": " + step.what) + "\n";
  return words;
}

}  // namespace

TEST_CASE("a tenant is described in one line") {
  CHECK(describe(tenant("alice")) ==
        "250m guaranteed, cap 500m, class standard, 2 GiB of memory, 8 sessions, cgroup /a.slice, uid 1000");
  TenantRecord closed = tenant("bob");
  closed.rules.clear();
  closed.terms.suspended = true;
  CHECK(describe(closed) ==
        "250m guaranteed, cap 500m, class standard, 2 GiB of memory, 8 sessions, no rules, suspended");
}

TEST_CASE("a difference names what changes, from what to what") {
  const TenantRecord before = tenant("alice");
  CHECK(difference(before, before).empty());
  TenantRecord after = before;
  after.terms = {MilliGpu{300}, MilliGpu{750}, arbiter::PriorityClass::latency, true};
  after.memory_bytes = 1ull << 30;
  after.sessions_max = 9;
  after.rules.pop_back();
  CHECK(difference(before, after) ==
        "guarantee 250m -> 300m, cap 500m -> 750m, class standard -> latency, memory 2 GiB -> 1 GiB, sessions 8 -> 9, "
        "rules cgroup /a.slice, uid 1000 -> cgroup /a.slice, suspended");
  CHECK(difference(after, before).ends_with("resumed"));
}

TEST_CASE("one byte of memory is a difference that can be seen") {
  TenantRecord after = tenant("alice");
  ++after.memory_bytes;
  CHECK(difference(tenant("alice"), after) == "memory 2147483648 B -> 2147483649 B");
}

TEST_CASE("a plan creates, changes and deletes, and after it there is nothing to do") {
  TenantRecord changed = tenant("bob");
  changed.terms.cap = MilliGpu{750};
  TenantList list = list_of({tenant("bob"), tenant("carol"), tenant("dave")});
  const std::vector<TenantRecord> wanted{tenant("alice"), changed, tenant("dave")};
  const std::vector<Step> steps = plan(list, wanted);
  CHECK(in_words(steps) ==
        "create alice: " + describe(tenant("alice")) + "\nchange bob: cap 500m -> 750m\ndelete carol\n");
  for (const Change& change : changes_of(steps)) REQUIRE(list.apply(change).ok());
  CHECK(plan(list, wanted).empty());
  CHECK(list.find("carol") == nullptr);
}
