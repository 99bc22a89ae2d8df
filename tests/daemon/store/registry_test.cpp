#include "daemon/store/registry.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "daemon/store/token.h"
#include "tests/daemon/store/store_rig.h"

using namespace sluice;
using namespace sluice::store;
using Catch::Matchers::Contains;
using test::StoreFolder;
using test::tenant;

namespace {

Registry open(const StoreFolder& folder) {
  auto registry = Registry::open(folder.file());
  INFO(registry.status().message());
  REQUIRE(registry.ok());
  return registry.take();
}

void execute(const StoreFolder& folder, const char* sql) {
  auto database = Database::open(folder.file());
  REQUIRE(database.ok());
  REQUIRE(database.value().execute(sql).ok());
}

// What a Sluice before ids left: the tables of version 1, with two tenants.
constexpr const char* version_1 = R"(
  CREATE TABLE tenants (
    name TEXT PRIMARY KEY, guarantee_milli INTEGER NOT NULL, cap_milli INTEGER NOT NULL, class TEXT NOT NULL,
    suspended INTEGER NOT NULL, memory_bytes INTEGER NOT NULL, sessions_max INTEGER NOT NULL,
    created_unix_ns INTEGER NOT NULL) STRICT;
  CREATE TABLE rules (
    tenant TEXT NOT NULL REFERENCES tenants (name) ON DELETE CASCADE, kind TEXT NOT NULL, id INTEGER NOT NULL,
    path TEXT NOT NULL, PRIMARY KEY (tenant, kind, id, path)) STRICT;
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants (name) ON DELETE CASCADE, hash BLOB NOT NULL,
    label TEXT NOT NULL, created_unix_ns INTEGER NOT NULL) STRICT;
  CREATE INDEX tokens_of_tenants ON tokens (tenant);
  INSERT INTO tenants VALUES ('younger', 100, 200, 'standard', 1, 1048576, 3, 20);
  INSERT INTO tenants VALUES ('older', 300, 400, 'latency', 0, 2097152, 4, 10);
  INSERT INTO rules VALUES ('older', 'uid', 1000, '');
  INSERT INTO tokens VALUES ('0123', 'older', zeroblob(32), 'label', 5);
  PRAGMA user_version = 1;
)";

}  // namespace

TEST_CASE("what was committed is there when the registry is opened again") {
  const StoreFolder folder;
  const Token token = make_token().take();
  TenantRecord alice = tenant("alice", {{RuleKind::uid, 1000, ""}, {RuleKind::cgroup, 0, "/a.slice"}});
  alice.terms.priority_class = arbiter::PriorityClass::latency;
  alice.terms.suspended = true;
  alice.sessions_max = 3;
  alice.created_unix_ns = 1795303255634000000;
  alice.memory_bytes = (1ull << 62) + 1;
  TenantList before;
  {
    Registry registry = open(folder);
    REQUIRE(registry.commit(PutTenant{alice}).ok());
    REQUIRE(registry.commit(PutToken{{token.id, hash_of(token), "alice", "for \"CI\"; --", 17}}).ok());
    before = registry.list();
  }
  const Registry registry = open(folder);
  CHECK(registry.list() == before);
  CHECK(registry.list().bearer(token_text(token)) == registry.list().find("alice"));
}

TEST_CASE("several changes happen together or not at all") {
  const StoreFolder folder;
  Registry registry = open(folder);
  REQUIRE(registry.commit(PutTenant{tenant("bob")}).ok());
  const TenantList before = registry.list();
  const std::vector<Change> changes{PutTenant{tenant("alice")}, RemoveTenant{"bob"}, RemoveTenant{"nobody"}};
  CHECK(registry.commit(changes).code() == Code::not_found);
  CHECK(registry.list() == before);
  REQUIRE(registry.commit(std::span(changes).first(2)).ok());
  CHECK(registry.list().find("alice") != nullptr);
  CHECK(registry.list().find("bob") == nullptr);
}

TEST_CASE("a tenant that changes keeps its tokens on the disk too") {
  const StoreFolder folder;
  {
    Registry registry = open(folder);
    REQUIRE(registry.commit(PutTenant{tenant("alice", {{RuleKind::uid, 1, ""}})}).ok());
    REQUIRE(registry.commit(PutToken{{"0123", std::string(32, '\0'), "alice", "", 0}}).ok());
    REQUIRE(registry.commit(PutTenant{tenant("alice", {{RuleKind::gid, 2, ""}})}).ok());
  }
  const Registry registry = open(folder);
  CHECK(registry.list().tokens_of("alice").size() == 1);
  CHECK(registry.list().find("alice")->rules == std::vector<Rule>{{RuleKind::gid, 2, ""}});
}

TEST_CASE("the registry is private, keeps no token, and is one daemon's at a time") {
  const StoreFolder folder;
  Registry registry = open(folder);
  const Token token = make_token().take();
  REQUIRE(registry.commit(PutTenant{tenant("alice")}).ok());
  REQUIRE(registry.commit(PutToken{{token.id, hash_of(token), "alice", "", 0}}).ok());
  for (const char* part : {"", "-wal"}) {
    struct stat info {};
    REQUIRE(stat((folder.file() + part).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    std::ifstream file(folder.file() + part, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    CHECK(bytes.find(token.secret) == std::string::npos);
  }
  const auto second = Registry::open(folder.file());
  CHECK(second.status().code() == Code::unavailable);
  CHECK_THAT(second.status().message(), Contains("another daemon has this state folder"));
}

TEST_CASE("a registry that a newer Sluice wrote is refused and left as it is") {
  const StoreFolder folder;
  open(folder);
  execute(folder, "PRAGMA user_version = 3");
  const auto opened = Registry::open(folder.file());
  CHECK(opened.status().code() == Code::unsupported);
  CHECK_THAT(opened.status().message(), Contains("a newer Sluice wrote it"));
  execute(folder, "SELECT count(*) FROM tenants");
}

TEST_CASE("a damaged registry is refused with the reason") {
  const StoreFolder folder;
  {
    Registry registry = open(folder);
    for (int i = 0; i < 500; ++i) REQUIRE(registry.commit(PutTenant{tenant("t" + std::to_string(i))}).ok());
  }
  SECTION("it is no database") { std::ofstream(folder.file()) << std::string(4096, 'x'); }
  SECTION("its middle is overwritten") {
    std::fstream file(folder.file(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096 * 3);
    file << std::string(4096 * 3, 'x');
  }
  SECTION("it is cut short") { REQUIRE(truncate(folder.file().c_str(), 4096 * 3) == 0); }
  const auto opened = Registry::open(folder.file());
  REQUIRE_FALSE(opened.ok());
  CHECK_THAT(opened.status().message(), Contains(folder.file()));
}

TEST_CASE("a registry that holds nonsense is refused") {
  const StoreFolder folder;
  {
    Registry registry = open(folder);
    REQUIRE(registry.commit(PutTenant{tenant("alice", {{RuleKind::uid, 1, ""}})}).ok());
  }
  const char* nonsense = GENERATE("UPDATE tenants SET cap_milli = 0", "UPDATE tenants SET class = 'royal'",
                                  "UPDATE tenants SET memory_bytes = -1", "UPDATE rules SET kind = 'name'");
  execute(folder, nonsense);
  CHECK(Registry::open(folder.file()).status().code() != Code::ok);
}

TEST_CASE("a registry from before ids keeps all it had, and its tenants get ids by age") {
  const StoreFolder folder;
  execute(folder, version_1);
  {
    Registry registry = open(folder);
    const TenantList& list = registry.list();
    REQUIRE((list.find("older") != nullptr && list.find("younger") != nullptr));
    CHECK(list.find("older")->id == 1);
    CHECK(list.find("older")->rules == std::vector<Rule>{{RuleKind::uid, 1000, ""}});
    CHECK(list.tokens_of("older").size() == 1);
    CHECK(list.find("younger")->id == 2);
    CHECK(list.find("younger")->terms.suspended);
    CHECK(list.next_id() == 3);
    REQUIRE(registry.commit(PutTenant{tenant("newest")}).ok());
    REQUIRE(registry.commit(RemoveTenant{"older"}).ok());
  }
  const Registry again = open(folder);
  CHECK(again.list().find("newest")->id == 3);
  CHECK(again.list().tokens().empty());  // the references hold after the change of tables too
}

TEST_CASE("an id is never given again, also when the tenant with the highest one is removed") {
  const StoreFolder folder;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    Registry registry = open(folder);
    REQUIRE(registry.commit(PutTenant{tenant("alice")}).ok());
    CHECK(registry.list().find("alice")->id == id);
    REQUIRE(registry.commit(RemoveTenant{"alice"}).ok());
  }
}

TEST_CASE("an ad-hoc tenant has its id for good") {
  const StoreFolder folder;
  std::uint64_t pool = 0;
  {
    Registry registry = open(folder);
    pool = registry.pool_id();
    REQUIRE(registry.commit(PutAdHoc{{0, 1000, "mine", 5}}).ok());
    REQUIRE(registry.commit(PutTenant{tenant("mine")}).ok());
    REQUIRE(registry.commit(PutAdHoc{{0, 1001, "mine", 6}}).ok());
    REQUIRE(registry.commit(PutAdHoc{{0, 1000, "mine", 7}}).ok());
  }
  Registry registry = open(folder);
  CHECK(registry.pool_id() == pool);
  CHECK(registry.list().ids() == std::set<std::uint64_t>{1, 2, 3});
  REQUIRE(registry.list().find_ad_hoc(1000, "mine") != nullptr);
  CHECK(*registry.list().find_ad_hoc(1000, "mine") == AdHocTenant{1, 1000, "mine", 7});
  REQUIRE(registry.commit(RemoveAdHoc{1}).ok());
  CHECK(registry.commit(RemoveAdHoc{1}).code() == Code::not_found);
  CHECK(open(StoreFolder()).pool_id() != pool);
}
