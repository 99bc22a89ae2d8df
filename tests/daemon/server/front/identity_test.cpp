#include "daemon/server/front/identity.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "daemon/server/front/peer_facts.h"
#include "daemon/server/runtime/process.h"
#include "daemon/store/token.h"

using namespace sluice;
using namespace sluice::server;
using namespace sluice::store;
using Catch::Matchers::Contains;

namespace {

Rule uid(std::uint32_t id) { return {RuleKind::uid, id, ""}; }
Rule gid(std::uint32_t id) { return {RuleKind::gid, id, ""}; }
Rule cgroup(const std::string& path) { return {RuleKind::cgroup, 0, path}; }

void add(TenantList& list, const std::string& name, std::vector<Rule> rules) {
  TenantRecord record;
  record.name = name;
  record.memory_bytes = 1;
  record.rules = std::move(rules);
  REQUIRE(list.apply(PutTenant{record}).ok());
}

std::string add_token(TenantList& list, const std::string& tenant) {
  const Token token = make_token().take();
  REQUIRE(list.apply(PutToken{{token.id, hash_of(token), tenant, "", 0}}).ok());
  return token_text(token);
}

TenantList some_tenants() {
  TenantList list;
  add(list, "alice", {uid(1000)});
  add(list, "lab", {gid(50)});
  add(list, "ci", {cgroup("/ci.slice")});
  add(list, "shared", {uid(1000), uid(1001)});
  add(list, "closed", {});
  return list;
}

PeerFacts peer(std::uint32_t id, std::vector<std::uint32_t> groups = {}, std::optional<std::string> path = "/user") {
  return {id, id, std::move(groups), std::move(path)};
}

// "alice", "ad hoc alice", or "refused".
std::string who(const TenantList& list, const PeerFacts& facts, const PeerWish& wish = {},
                const IdentityRules& rules = {}) {
  const auto identity = identify(list, rules, facts, wish, "own");
  if (!identity.ok()) {
    CHECK(identity.status().code() == Code::permission_denied);
    CHECK(identity.status().message().size() > 20);
    return "refused";
  }
  const auto& [registered, ad_hoc] = identity.value();
  CHECK((registered == nullptr) != ad_hoc.empty());
  return registered != nullptr ? registered->name : "ad hoc " + ad_hoc;
}

std::string refusal(const TenantList& list, const PeerFacts& facts, const PeerWish& wish = {},
                    const IdentityRules& rules = {}) {
  return identify(list, rules, facts, wish, "own").status().message();
}

const IdentityRules ad_hoc_allowed{"", true};

}  // namespace

TEST_CASE("a rule about a user, a group or a cgroup says who a peer is") {
  const TenantList list = some_tenants();
  CHECK(who(list, peer(1001)) == "shared");
  CHECK(who(list, peer(7, {49, 50})) == "lab");
  PeerFacts primary = peer(7);
  primary.gid = 50;
  CHECK(who(list, primary) == "lab");
  CHECK(who(list, peer(7, {}, "/ci.slice/job-4")) == "ci");
}

TEST_CASE("a cgroup counts before a user, and a user before a group") {
  const TenantList list = some_tenants();
  CHECK(who(list, peer(1001, {50}, "/ci.slice")) == "ci");
  CHECK(who(list, peer(1001, {50})) == "shared");
}

TEST_CASE("a peer whom two rules of one kind name must choose, and is told between what") {
  const TenantList list = some_tenants();
  CHECK(who(list, peer(1000)) == "refused");
  CHECK_THAT(refusal(list, peer(1000)), Contains("alice, shared") && Contains("SLUICE_TENANT"));
  CHECK(who(list, peer(1000), {"shared", ""}) == "shared");
}

TEST_CASE("a name only chooses among tenants that the peer may use") {
  const TenantList list = some_tenants();
  CHECK(who(list, peer(1000, {50}), {"lab", ""}) == "lab");
  CHECK_THAT(refusal(list, peer(1000), {"lab", ""}), Contains("but it may be: alice, shared"));
  for (const char* name : {"ci", "closed", "nobody"}) {
    INFO(name);
    CHECK(who(list, peer(1000), {name, ""}) == "refused");
    CHECK_THAT(refusal(list, peer(1000), {name, ""}),
               Contains(std::string("sluice tenant set ") + name + " --uid 1000") && Contains("SLUICE_TOKEN_FILE"));
  }
}

TEST_CASE("a stranger cannot tell a tenant that is there from one that is not") {
  const TenantList list = some_tenants();
  std::string there = refusal(list, peer(7), {"closed", ""}), missing = refusal(list, peer(7), {"nobody", ""});
  for (std::size_t at; (at = there.find("closed")) != std::string::npos;) there.replace(at, 6, "X");
  for (std::size_t at; (at = missing.find("nobody")) != std::string::npos;) missing.replace(at, 6, "X");
  CHECK(there == missing);
}

TEST_CASE("a cgroup's rule holds below it, and for no neighbour whose name begins alike") {
  const auto in = [](const char* path) { return fulfils(peer(1, {}, path), cgroup("/ci.slice")); };
  CHECK(in("/ci.slice"));
  CHECK(in("/ci.slice/a/b"));
  CHECK_FALSE(in("/ci.slice2"));
  CHECK_FALSE(in("/ci"));
  CHECK_FALSE(in("/"));
  CHECK_FALSE(in("/a/ci.slice"));
  CHECK(fulfils(peer(1, {}, "/"), cgroup("/")));
  CHECK(fulfils(peer(1, {}, "/a"), cgroup("/")));
}

TEST_CASE("a peer whose cgroup is not known fulfils no rule about cgroups") {
  CHECK_FALSE(fulfils(peer(1, {}, std::nullopt), cgroup("/")));
  CHECK_FALSE(fulfils(peer(1, {}, std::nullopt), cgroup("/ci.slice")));
}

TEST_CASE("a token opens its tenant for anyone") {
  TenantList list = some_tenants();
  const std::string token = add_token(list, "closed");
  CHECK(who(list, peer(7), {"", token}) == "closed");
  CHECK(who(list, peer(7), {"closed", token}) == "closed");
  CHECK(who(list, peer(1000), {"", token}) == "closed");
}

TEST_CASE("a wrong token is refused, whatever else would hold") {
  TenantList list = some_tenants();
  const std::string token = add_token(list, "closed"), other = add_token(list, "alice");
  const IdentityRules generous{"alice", true};
  for (const std::string& wrong : {std::string("x"), token.substr(0, 86 - 1) + "g", token_text(make_token().take()),
                                   token.substr(0, 22) + other.substr(22)}) {
    CHECK(who(list, peer(1001), {"", wrong}, generous) == "refused");
    CHECK(refusal(list, peer(1001), {"", wrong}, generous).find(wrong) == std::string::npos);
  }
  CHECK(who(list, peer(1001), {"shared", token}, generous) == "refused");
  REQUIRE(list.apply(RemoveToken{parse_token(token)->id}).ok());
  CHECK(who(list, peer(1001), {"", token}, generous) == "refused");
}

TEST_CASE("strangers are refused unless the configuration says whose they are") {
  const TenantList list = some_tenants();
  CHECK(who(list, peer(7)) == "refused");
  CHECK_THAT(refusal(list, peer(7)), Contains("sluice tenant create NAME --uid 7"));
  CHECK(who(list, peer(7), {}, {"closed", false}) == "closed");
  CHECK(who(list, peer(7), {}, {"closed", true}) == "closed");
  CHECK(who(list, peer(7), {"closed", ""}, {"closed", false}) == "closed");
  CHECK(who(list, peer(1001), {}, {"closed", false}) == "shared");
  CHECK(who(list, peer(7), {}, {"missing", true}) == "refused");
}

TEST_CASE("an ad-hoc tenant is the user's own, and never one that is registered") {
  const TenantList list = some_tenants();
  CHECK(who(list, peer(7), {}, ad_hoc_allowed) == "ad hoc own");
  CHECK(who(list, peer(7), {"mine", ""}, ad_hoc_allowed) == "ad hoc mine");
  CHECK(who(list, peer(1001), {"mine", ""}, ad_hoc_allowed) == "ad hoc mine");
  CHECK(who(list, peer(1001), {}, ad_hoc_allowed) == "shared");
  CHECK(who(list, peer(7), {"alice", ""}, ad_hoc_allowed) == "refused");
  TenantList with_own = list;
  add(with_own, "own", {uid(1)});
  CHECK(who(with_own, peer(7), {}, ad_hoc_allowed) == "refused");
}

TEST_CASE("a cgroup is the line of version two, and only a whole one") {
  CHECK(parse_cgroup("0::/a.slice\n") == "/a.slice");
  CHECK(parse_cgroup("12:cpu:/x\n1:name=systemd:/y\n0::/z/w\n") == "/z/w");
  CHECK(parse_cgroup("0::/\n") == "/");
  for (const char* contents : {"", "0::/cut", "12:cpu:/x\n", "0::\n", "0::relative\n", "0::/../outside\n"})
    CHECK(parse_cgroup(contents) == std::nullopt);
}

namespace {

// What the kernel says about a child at the other end of a socket, which is killed first if it is to be dead.
PeerFacts facts_of_child(bool dead) {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd here(ends[0]), there(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    if (!dead) pause();
    _exit(0);
  }
  if (dead) {
    siginfo_t info;
    REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  }
  Peer other;
  other.credentials = {child, getuid(), getgid()};
  other.pidfd = open_pidfd(child);
  REQUIRE(other.pidfd.valid());
  PeerFacts facts = facts_about(here.get(), other);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return facts;
}

}  // namespace

TEST_CASE("the kernel's word about a living peer is believed, and a dead one has no cgroup") {
  const PeerFacts living = facts_of_child(false);
  CHECK(living.uid == getuid());
  const bool has_cgroups = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0;
  CHECK((living.cgroup.has_value() || !has_cgroups));
  CHECK(facts_of_child(true).cgroup == std::nullopt);
  std::vector<gid_t> own(256);
  own.resize(static_cast<std::size_t>(getgroups(static_cast<int>(own.size()), own.data())));
  CHECK(living.groups == std::vector<std::uint32_t>(own.begin(), own.end()));
}
