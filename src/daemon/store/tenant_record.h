// TenantRecord: a tenant as the registry knows it: what it was promised, and who may use it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "daemon/arbiter/terms.h"

namespace sluice::store {

// What a rule looks at, in the order in which the more telling one wins.
enum class RuleKind : std::uint8_t { cgroup, uid, gid };

// Which peers may use a tenant: everyone of a user, everyone of a group, or everything in a cgroup and below it.
struct Rule {
  RuleKind kind = RuleKind::uid;
  std::uint32_t id = 0;  // of the user or the group
  std::string path;      // of the cgroup, as in /proc/PID/cgroup: "/machine.slice/alice.scope"
  friend auto operator<=>(const Rule&, const Rule&) = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 sees a 0
};

inline constexpr std::uint32_t sessions_per_tenant_max = 256;
inline constexpr std::size_t rules_max = 64;  // of one tenant
inline constexpr std::size_t cgroup_bytes_max = 512;

struct TenantRecord {
  std::uint64_t id = 0;  // for good, and never another tenant's; 0: the list gives it one
  std::string name;      // for people
  arbiter::ComputeTerms terms;
  std::uint64_t memory_bytes = 0;
  std::uint32_t sessions_max = 16;
  std::vector<Rule> rules;  // sorted, each once: see tidy()
  std::uint64_t created_unix_ns = 0;
  friend bool operator==(const TenantRecord&, const TenantRecord&) = default;
};

// A tenant that is not registered: a name that a user made up. It has an id, so that what is kept for it stays its own.
struct AdHocTenant {
  std::uint64_t id = 0;  // as TenantRecord's
  std::uint32_t uid = 0;
  std::string name;
  std::uint64_t used_unix_ns = 0;  // about the last time
  friend bool operator==(const AdHocTenant&, const AdHocTenant&) = default;
};

// What a token is known by. The token itself is kept nowhere.
struct TokenRecord {
  std::string id;    // public: the row that a token names
  std::string hash;  // SHA-256 of its secret, 32 bytes
  std::string tenant;
  std::string label;  // for people
  std::uint64_t created_unix_ns = 0;
  friend bool operator==(const TokenRecord&, const TokenRecord&) = default;
};

// Sorts the rules and drops what is there twice, so that equal tenants compare equal.
void tidy(TenantRecord& record);

// invalid_argument: the amounts contradict each other or are none, or a rule makes no sense. Whether the name may be
// one is not asked here.
Status validate(const TenantRecord& record);

// "uid 1000", "gid 100", "cgroup /machine.slice".
std::string describe(const Rule& rule);

}  // namespace sluice::store
