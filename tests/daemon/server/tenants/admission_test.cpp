#include "daemon/server/tenants/admission.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::server;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

const allocator::Site site_on_first{0, 1};

LiveSlice live(std::uint32_t gpu, std::uint64_t memory, std::size_t sessions) {
  return {{site_on_first, MilliGpu{gpu}, memory}, sessions};
}

}  // namespace

TEST_CASE("a request without sizes gets the configured default slice") {
  AdmissionRules rules;
  rules.default_memory_bytes = 3 * gib;
  rules.default_gpu = MilliGpu{100};
  const auto slice = admit(rules, 0, std::nullopt, {"alice", {}, 0});
  REQUIRE(slice.ok());
  CHECK(slice.value()->memory_bytes == 3 * gib);
  CHECK(slice.value()->gpu == MilliGpu{100});
}

TEST_CASE("without a configured default, memory is an eighth of the chosen device's") {
  const auto slice = admit({}, 0, std::nullopt, {"alice", {}, 0});
  CHECK(slice.value()->memory_bytes == 0);
  CHECK(slice.value()->memory_parts == 8);
}

TEST_CASE("another session of a live tenant shares its slice") {
  const auto slice = admit({}, 1, live(250, 2 * gib, 1), {"alice", {}, 0});
  REQUIRE(slice.ok());
  CHECK_FALSE(slice.value());
}

TEST_CASE("a live tenant may repeat its sizes, and not change them") {
  CHECK(admit({}, 1, live(250, 2 * gib, 1), {"alice", MilliGpu{250}, 2 * gib}).ok());
  const auto other = admit({}, 1, live(250, 2 * gib, 1), {"alice", MilliGpu{500}, 0});
  CHECK(other.status().code() == Code::invalid_argument);
  CHECK(other.status().message() ==
        "tenant alice already has a slice of 250m and 2 GiB of memory; ask for the same or for nothing, or use another "
        "tenant's name");
  CHECK_FALSE(admit({}, 1, live(250, 2 * gib, 1), {"alice", {}, gib}).ok());
}

TEST_CASE("the limits of the configuration are kept, and named in the refusal") {
  AdmissionRules rules;
  rules.sessions_max = 5;
  rules.sessions_per_tenant_max = 2;
  rules.memory_max_bytes = gib;
  const auto sessions = admit(rules, 5, std::nullopt, {"alice", {}, 0}).status();
  CHECK(sessions.code() == Code::quota_exceeded);
  CHECK_THAT(sessions.message(), Catch::Contains("limits.sessions_max"));
  const auto of_tenant = admit(rules, 2, live(0, gib, 2), {"alice", {}, 0}).status();
  CHECK(of_tenant.code() == Code::quota_exceeded);
  CHECK_THAT(of_tenant.message(), Catch::Contains("limits.sessions_per_tenant_max"));
  const auto memory = admit(rules, 0, std::nullopt, {"alice", {}, gib + 1}).status();
  CHECK(memory.code() == Code::quota_exceeded);
  CHECK_THAT(memory.message(), Catch::Contains("limits.memory_max"));
  CHECK(admit(rules, 0, std::nullopt, {"alice", {}, gib}).ok());
}

TEST_CASE("a registered tenant's slice is what the registry says, whatever the defaults are") {
  AdmissionRules rules;
  rules.memory_max_bytes = gib;
  rules.default_memory_bytes = gib;
  rules.default_gpu = MilliGpu{1};
  store::TenantRecord alice;
  alice.name = "alice";
  alice.terms = {MilliGpu{250}, MilliGpu{500}};
  alice.memory_bytes = 2 * gib;
  alice.sessions_max = 2;
  const auto ask = [&](const std::optional<LiveSlice>& slice, MilliGpu gpu, std::uint64_t memory) {
    return admit_registered(alice, rules, 1, slice, {"alice", gpu, memory});
  };
  const auto fresh = ask(std::nullopt, {}, 0);
  REQUIRE(fresh.ok());
  CHECK(fresh.value()->gpu == MilliGpu{250});
  CHECK(fresh.value()->memory_bytes == 2 * gib);
  CHECK(ask(std::nullopt, MilliGpu{250}, 2 * gib).ok());
  CHECK(ask(std::nullopt, MilliGpu{251}, 0).status().code() == Code::invalid_argument);
  CHECK(ask(live(250, 2 * gib, 1), {}, gib).status().message() ==
        "tenant alice has a slice of 250m and 2 GiB of memory; ask for the same or for nothing");
  CHECK(ask(live(250, 2 * gib, 1), {}, 0).ok());
  CHECK(ask(live(250, 2 * gib, 2), {}, 0).status().code() == Code::quota_exceeded);
  alice.terms.suspended = true;
  CHECK(ask(live(250, 2 * gib, 1), {}, 0).status().code() == Code::permission_denied);
  CHECK(ask(std::nullopt, {}, 0).status().code() == Code::permission_denied);
}
