#include "daemon/server/front/identity.h"

#include <algorithm>

namespace sluice::server {
namespace {

using store::RuleKind;
using store::TenantList;
using store::TenantRecord;

struct Match {
  const TenantRecord* tenant = nullptr;
  RuleKind kind = RuleKind::gid;  // the most telling of its rules that hold
};

std::vector<Match> matches_of(const TenantList& list, const PeerFacts& peer) {
  std::vector<Match> matches;
  for (const auto& [name, tenant] : list.tenants()) {
    const auto holds = [&peer](const store::Rule& rule) { return fulfils(peer, rule); };
    // Sorted by kind: the first that holds is the most telling.
    const auto rule = std::find_if(tenant.rules.begin(), tenant.rules.end(), holds);
    if (rule != tenant.rules.end()) matches.push_back({&tenant, rule->kind});
  }
  return matches;
}

Status denied(const std::string& why) { return Status(Code::permission_denied, why); }

std::string who(const PeerFacts& peer) { return "uid " + std::to_string(peer.uid); }

std::string names_of(const std::vector<Match>& matches) {
  std::string names;
  for (const Match& match : matches) names += (names.empty() ? "" : ", ") + match.tenant->name;
  return names;
}

Status no_rule(const PeerFacts& peer, const std::vector<Match>& matches, const std::string& tenant) {
  const std::string uid = std::to_string(peer.uid);
  std::string why = "no rule of this pool lets uid " + uid + " be tenant " + tenant;
  if (!matches.empty()) why += ", but it may be: " + names_of(matches) + " (SLUICE_TENANT, 'sluice run --tenant')";
  return denied(why + "; the pool's owner can say 'sluice tenant set " + tenant + " --uid " + uid +
                "', or give you a token for SLUICE_TOKEN_FILE");
}

Status nobody(const PeerFacts& peer) {
  return denied("this pool knows no tenant for " + who(peer) +
                "; its owner can create one with 'sluice tenant create NAME --uid " + std::to_string(peer.uid) +
                "', or give you a token for SLUICE_TOKEN_FILE");
}

Result<Identity> by_token(const TenantList& list, const PeerWish& wish) {
  const TenantRecord* tenant = list.bearer(wish.token);
  if (tenant == nullptr)
    return denied("the token is not valid: it was revoked, or is another pool's; ask this pool's owner for a new one");
  if (!wish.tenant.empty() && wish.tenant != tenant->name)
    return denied("the token is tenant " + tenant->name + "'s, and the program wants to be tenant " + wish.tenant +
                  "; leave the name out");
  return Identity{tenant, ""};
}

// For a peer that no rule lets be the tenant that it wants.
Result<Identity> ad_hoc(const TenantList& list, const IdentityRules& rules, const PeerFacts& peer,
                        const std::vector<Match>& matches, const std::string& name) {
  if (!rules.ad_hoc || list.find(name) != nullptr) return no_rule(peer, matches, name);
  return Identity{nullptr, name};
}

Result<Identity> by_name(const TenantList& list, const IdentityRules& rules, const PeerFacts& peer,
                         const std::vector<Match>& matches, const std::string& name) {
  for (const Match& match : matches)
    if (match.tenant->name == name) return Identity{match.tenant, ""};
  if (matches.empty() && name == rules.anonymous && list.find(name) != nullptr) return Identity{list.find(name), ""};
  return ad_hoc(list, rules, peer, matches, name);
}

Result<Identity> by_rules(const PeerFacts& peer, std::vector<Match> matches) {
  const RuleKind best = std::min_element(matches.begin(), matches.end(), [](const Match& a, const Match& b) {
                          return a.kind < b.kind;
                        })->kind;
  std::erase_if(matches, [best](const Match& match) { return match.kind != best; });
  if (matches.size() == 1) return Identity{matches.front().tenant, ""};
  return denied(who(peer) + " may be one of several tenants; choose with SLUICE_TENANT or 'sluice run --tenant': " +
                names_of(matches));
}

Result<Identity> unknown(const TenantList& list, const IdentityRules& rules, const PeerFacts& peer,
                         const std::string& own_name) {
  if (!rules.anonymous.empty()) {
    const TenantRecord* anonymous = list.find(rules.anonymous);
    if (anonymous != nullptr) return Identity{anonymous, ""};
    return denied("this pool's configuration gives strangers the tenant " + rules.anonymous +
                  " (tenants.anonymous), which its owner has not created");
  }
  if (!rules.ad_hoc) return nobody(peer);
  return ad_hoc(list, rules, peer, {}, own_name);
}

bool below(const std::string& path, const std::string& top) {
  return top == "/" || path == top || (path.starts_with(top) && path[top.size()] == '/');
}

}  // namespace

bool fulfils(const PeerFacts& peer, const store::Rule& rule) {
  switch (rule.kind) {
    case RuleKind::cgroup: return peer.cgroup && below(*peer.cgroup, rule.path);
    case RuleKind::uid: return peer.uid == rule.id;
    case RuleKind::gid:
      return peer.gid == rule.id || std::find(peer.groups.begin(), peer.groups.end(), rule.id) != peer.groups.end();
  }
  return false;
}

Result<Identity> identify(const TenantList& list, const IdentityRules& rules, const PeerFacts& peer,
                          const PeerWish& wish, const std::string& own_name) {
  if (!wish.token.empty()) return by_token(list, wish);
  const std::vector<Match> matches = matches_of(list, peer);
  if (!wish.tenant.empty()) return by_name(list, rules, peer, matches, wish.tenant);
  return matches.empty() ? unknown(list, rules, peer, own_name) : by_rules(peer, matches);
}

}  // namespace sluice::server
