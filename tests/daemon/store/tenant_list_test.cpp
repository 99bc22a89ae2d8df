#include "daemon/store/tenant_list.h"

#include "daemon/store/token.h"
#include "tests/daemon/store/store_rig.h"

using namespace sluice;
using namespace sluice::store;
using test::tenant;

namespace {

TokenRecord record_of(const Token& token, const std::string& tenant) {
  return {token.id, hash_of(token), tenant, "", 0};
}

}  // namespace

TEST_CASE("a token leads to its tenant until it is revoked") {
  TenantList list;
  const Token token = make_token().take();
  REQUIRE(list.apply(PutTenant{tenant("alice")}).ok());
  REQUIRE(list.apply(PutToken{record_of(token, "alice")}).ok());
  REQUIRE(list.bearer(token_text(token)) != nullptr);
  CHECK(list.bearer(token_text(token))->name == "alice");
  Token forged = make_token().take();
  forged.id = token.id;
  CHECK(list.bearer(token_text(forged)) == nullptr);
  CHECK(list.bearer("") == nullptr);
  REQUIRE(list.apply(RemoveToken{token.id}).ok());
  CHECK(list.bearer(token_text(token)) == nullptr);
}

TEST_CASE("a tenant's tokens go with it and do not come back with its name") {
  TenantList list;
  const Token token = make_token().take();
  REQUIRE(list.apply(PutTenant{tenant("alice")}).ok());
  REQUIRE(list.apply(PutToken{record_of(token, "alice")}).ok());
  REQUIRE(list.apply(RemoveTenant{"alice"}).ok());
  REQUIRE(list.apply(PutTenant{tenant("alice")}).ok());
  CHECK(list.bearer(token_text(token)) == nullptr);
  CHECK(list.tokens_of("alice").empty());
}

TEST_CASE("a tenant that changes keeps its tokens") {
  TenantList list;
  const Token token = make_token().take();
  REQUIRE(list.apply(PutTenant{tenant("alice")}).ok());
  REQUIRE(list.apply(PutToken{record_of(token, "alice")}).ok());
  TenantRecord smaller = tenant("alice");
  smaller.memory_bytes = 1 << 20;
  REQUIRE(list.apply(PutTenant{smaller}).ok());
  REQUIRE(list.bearer(token_text(token)) != nullptr);
  CHECK(list.bearer(token_text(token))->memory_bytes == 1 << 20);
}

TEST_CASE("amounts that contradict each other are refused with the tenant's name") {
  TenantRecord record = tenant("alice");
  record.terms.guarantee = MilliGpu{501};
  CHECK(validate(record).message() == "tenant alice: its guarantee of 501m is more than its cap of 500m");
  record = tenant("alice");
  record.terms.cap = MilliGpu{1001};
  CHECK_FALSE(validate(record).ok());
  record.terms = {MilliGpu{0}, MilliGpu{0}};
  CHECK_FALSE(validate(record).ok());
  record = tenant("alice");
  record.memory_bytes = 0;
  CHECK_FALSE(validate(record).ok());
  for (const std::uint32_t sessions : {0u, 257u}) {
    record = tenant("alice");
    record.sessions_max = sessions;
    CHECK_FALSE(validate(record).ok());
  }
  CHECK(validate(tenant("alice")).ok());
}

TEST_CASE("a cgroup is named in one way only") {
  const auto with = [](const std::string& path) { return validate(tenant("a", {{RuleKind::cgroup, 0, path}})).ok(); };
  CHECK(with("/"));
  CHECK(with("/machine.slice/alice.scope"));
  CHECK(with("/...x/.y"));
  for (const char* path : {"", "a", "/a/", "//a", "/a//b", "/a/../b", "/..", "/a/.", "/a\nb"}) CHECK_FALSE(with(path));
}

TEST_CASE("what is not there cannot be removed, and nobody can be given a token") {
  TenantList list;
  CHECK(list.apply(RemoveTenant{"alice"}).code() == Code::not_found);
  CHECK(list.apply(RemoveToken{"0"}).code() == Code::not_found);
  CHECK(list.apply(PutToken{record_of(make_token().take(), "alice")}).code() == Code::not_found);
  CHECK(list == TenantList{});
}

TEST_CASE("a tenant has so many tokens and no more") {
  TenantList list;
  REQUIRE(list.apply(PutTenant{tenant("alice")}).ok());
  for (std::size_t i = 0; i < tokens_per_tenant_max; ++i)
    REQUIRE(list.apply(PutToken{record_of(make_token().take(), "alice")}).ok());
  CHECK(list.apply(PutToken{record_of(make_token().take(), "alice")}).code() == Code::exhausted);
}

TEST_CASE("a tenant keeps its id when it changes, and nobody else can have it") {
  TenantList list;
  REQUIRE(list.apply(PutTenant{tenant("alice")}).ok());
  const std::uint64_t id = list.find("alice")->id;
  TenantRecord other = tenant("alice");
  other.memory_bytes = 1;
  REQUIRE(list.apply(PutTenant{other}).ok());
  CHECK(list.find("alice")->id == id);
  CHECK(list.find(id) == list.find("alice"));
  other.id = id + 1;
  CHECK(list.apply(PutTenant{other}).code() == Code::invalid_argument);
  TenantRecord thief = tenant("mallory");
  thief.id = id;
  CHECK(list.apply(PutTenant{thief}).code() == Code::invalid_argument);
  CHECK(list.apply(PutAdHoc{{id, 1000, "mallory", 0}}).code() == Code::invalid_argument);
}

TEST_CASE("a user has so many ad-hoc tenants and no more") {
  TenantList list;
  for (std::size_t i = 0; i < ad_hoc_per_user_max; ++i)
    REQUIRE(list.apply(PutAdHoc{{0, 1000, std::to_string(i), 0}}).ok());
  CHECK(list.apply(PutAdHoc{{0, 1000, "more", 0}}).code() == Code::exhausted);
  CHECK(list.apply(PutAdHoc{{0, 1001, "more", 0}}).ok());
  CHECK(list.apply(PutAdHoc{{0, 1000, "0", 9}}).ok());
}
