// Identity: which tenant a program's session is for. Pure: a function of the registry, of what the kernel says about
// the peer, and of what the peer asks for, so that every answer can be tested without a process.
//
//   1. A token decides alone: a right one is its tenant's, a wrong one is refused whatever else would hold.
//   2. Without one, the tenants are considered that have a rule which the peer fulfils. A name chooses among them; with
//      no name the most telling kind of rule decides: cgroup before user before group.
//   3. A peer that no rule knows falls to the anonymous tenant, if there is one; else it is a tenant of its own, ad
//      hoc, if the pool has such; else it is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "daemon/store/tenant_list.h"

namespace sluice::server {

// The kernel's word about a peer.
struct PeerFacts {
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;  // supplementary
  std::optional<std::string> cgroup;  // absent: it is not known, and fulfils no rule
};

// The peer's own words, to be believed as far as stated above.
struct PeerWish {
  std::string tenant;  // empty: none is named
  std::string token;   // empty: none is given
};

struct IdentityRules {
  std::string anonymous;  // a registered tenant; empty: nobody is anonymous
  bool ad_hoc = false;
};

// Exactly one of the two.
struct Identity {
  const store::TenantRecord* registered = nullptr;  // of the list that was asked
  std::string ad_hoc;                               // a name among the peer's user's own
};

// own_name: that of an ad-hoc tenant, if the peer names none.
// permission_denied: with a sentence that says what to do. It does not tell strangers which tenants there are, but in a
// pool with ad-hoc ones, where a registered name is refused to whom it does not belong.
Result<Identity> identify(const store::TenantList& list, const IdentityRules& rules, const PeerFacts& peer,
                          const PeerWish& wish, const std::string& own_name);

// A cgroup's path holds for itself and for everything below it.
bool fulfils(const PeerFacts& peer, const store::Rule& rule);

}  // namespace sluice::server
