// Registered tenants of a whole daemon: who gets in, what a change does to those who are in, and what survives.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

constexpr std::uint64_t gib = 1ull << 30;

server::Config strict() {
  server::Config config;
  config.ad_hoc_tenants = false;
  return config;
}

json own_rule() { return json::array({{{"uid", getuid()}}}); }

json tenant(const std::string& name, std::uint64_t memory_bytes = gib, json rules = own_rule()) {
  return {{"name", name}, {"gpu_milli", 250}, {"cap_milli", 500}, {"memory_bytes", memory_bytes}, {"rules", rules}};
}

json ask(const PoolUnderTest& pool, const std::string& verb, json request = json::object()) {
  request["verb"] = verb;
  return pool.ask(request);
}

void create(const PoolUnderTest& pool, const json& wanted) {
  const json reply = ask(pool, "tenant-create", wanted);
  INFO(reply.dump());
  REQUIRE(reply.at("ok") == true);
}

std::string refusal(const json& reply) {
  CHECK(reply.at("ok") == false);
  return reply.value("error", "");
}

json set(const PoolUnderTest& pool, const std::string& name, json changes) {
  changes["name"] = name;
  return ask(pool, "tenant-set", changes);
}

json show(const PoolUnderTest& pool, const std::string& name) {
  return ask(pool, "tenant-show", {{"name", name}}).at("tenant");
}

json device(const PoolUnderTest& pool) { return ask(pool, "status").at("devices")[0]; }

std::string make_token(const PoolUnderTest& pool, const std::string& name) {
  return ask(pool, "tenant-token-create", {{"tenant", name}}).at("token").get<std::string>();
}

std::string reason(const Granted& granted) {
  CHECK(granted.answered);
  CHECK(granted.reply.granted == 0);
  return granted.reply.reason;
}

std::string actions(const json& reply) {
  std::string all;
  for (const json& change : reply.at("changes"))
    all += change.at("action").get<std::string>() + " " + change.at("tenant").get<std::string>() + ";";
  return all;
}

}  // namespace

TEST_CASE("a program gets the slice of the tenant that a rule says it is") {
  const PoolUnderTest pool(strict());
  CHECK_THAT(reason(attach(pool)), Contains("sluice tenant create NAME --uid " + std::to_string(getuid())));
  create(pool, tenant("alice"));
  const Granted granted = attach(pool);
  REQUIRE(granted.reply.granted == 1);
  CHECK(std::string(granted.reply.tenant) == "alice");
  CHECK(granted.reply.memory_bytes == gib);
  CHECK(granted.reply.gpu_milli == 250);
  CHECK(device(pool).at("memory_promised_bytes") == gib);
  CHECK(show(pool, "alice").at("sessions") == 1);
  CHECK_THAT(reason(attach(pool, {"alice", 300, 0})), Contains("tenant alice has a slice of 250m and 1 GiB"));
  CHECK_THAT(reason(attach(pool, {"bob"})), Contains("no rule of this pool lets"));
}

TEST_CASE("a tenant has as many sessions as it may, whoever's they are") {
  const PoolUnderTest pool(strict());
  json alice = tenant("alice");
  alice["sessions_max"] = 2;
  create(pool, alice);
  const Granted first = attach(pool), second = attach(pool, {"", 0, 0, make_token(pool, "alice")});
  REQUIRE((first.reply.granted == 1 && second.reply.granted == 1));
  CHECK_THAT(reason(attach(pool)), Contains("tenant alice has 2 sessions, as many as it may have"));
  REQUIRE(set(pool, "alice", {{"sessions_max", 3}}).at("ok") == true);
  CHECK(attach(pool).reply.granted == 1);
}

TEST_CASE("a revoked token is refused") {
  const PoolUnderTest pool(strict());
  create(pool, tenant("alice", gib, json::array()));
  const json made = ask(pool, "tenant-token-create", {{"tenant", "alice"}, {"label", "for the farm"}});
  const Wish wish{"", 0, 0, made.at("token").get<std::string>()};
  CHECK(attach(pool, wish).reply.granted == 1);
  const json listed = ask(pool, "tenant-token-list", {{"tenant", "alice"}});
  REQUIRE(listed.at("tokens").size() == 1);
  CHECK(listed.at("tokens")[0].at("label") == "for the farm");
  CHECK(listed.dump().find(wish.token.substr(23)) == std::string::npos);
  const json id{{"tenant", "alice"}, {"id", made.at("id")}};
  REQUIRE(ask(pool, "tenant-token-revoke", id).at("ok") == true);
  CHECK_THAT(reason(attach(pool, wish)), Contains("the token is not valid"));
  CHECK_THAT(refusal(ask(pool, "tenant-token-revoke", id)), Contains("tenant alice has no such token"));
}

TEST_CASE("a suspended tenant gets no new sessions until it is resumed") {
  const PoolUnderTest pool(strict());
  create(pool, tenant("alice"));
  const Granted running = attach(pool);
  REQUIRE(running.reply.granted == 1);
  REQUIRE(ask(pool, "tenant-suspend", {{"name", "alice"}}).at("ok") == true);
  CHECK_THAT(reason(attach(pool)), Contains("tenant alice is suspended"));
  CHECK(pool.sessions().size() == 1);
  CHECK(actions(ask(pool, "tenant-suspend", {{"name", "alice"}})).empty());
  REQUIRE(ask(pool, "tenant-resume", {{"name", "alice"}}).at("ok") == true);
  CHECK(attach(pool).reply.granted == 1);
}

TEST_CASE("what is set holds at once for what the device promises and for what is shown of sessions") {
  const PoolUnderTest pool(strict());
  create(pool, tenant("alice"));
  const Granted granted = attach(pool);
  const json reply = set(pool, "alice", {{"memory_bytes", 3 * gib}, {"gpu_milli", 400}, {"class", "latency"}});
  CHECK(reply.at("changes")[0].at("what") ==
        "guarantee 250m -> 400m, class standard -> latency, memory 1 GiB -> 3 GiB");
  CHECK(device(pool).at("memory_promised_bytes") == 3 * gib);
  CHECK(device(pool).at("gpu_promised_milli") == 400);
  CHECK(pool.sessions()[0].at("memory_limit_bytes") == 3 * gib);
  CHECK(pool.sessions()[0].at("gpu_milli") == 400);
  CHECK_THAT(refusal(set(pool, "alice", {{"memory_bytes", 9 * gib}})),
             Contains("has no room for 6 GiB more: 600m and 5 GiB of memory are free there"));
  CHECK(show(pool, "alice").at("memory_bytes") == 3 * gib);
}

TEST_CASE("a tenant that is in use is deleted by force only, which ends its sessions with the reason") {
  const PoolUnderTest pool(strict());
  create(pool, tenant("alice"));
  const Program program(pool);
  REQUIRE(program.granted());
  CHECK_THAT(refusal(ask(pool, "tenant-delete", {{"name", "alice"}})), Contains("tenant alice is in use by 1 session"));
  CHECK(pool.sessions().size() == 1);
  const json deleted = ask(pool, "tenant-delete", {{"name", "alice"}, {"force", true}});
  CHECK(deleted.at("ended_sessions") == 1);
  CHECK(program.lost());
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(pool.sessions(true)[0].at("reason") == "tenant alice was deleted");
  CHECK_THAT(refusal(ask(pool, "tenant-show", {{"name", "alice"}})), Contains("there is no tenant alice"));
  CHECK(reason(attach(pool)).size() > 0);
  REQUIRE(pool.wait_until([&] { return ask(pool, "tenant-create", tenant("alice")).at("ok") == true; }));
  CHECK(attach(pool).reply.granted == 1);
}

TEST_CASE("who waits for a worker of a tenant that is deleted is told") {
  const PoolUnderTest pool(strict(), "mute");
  create(pool, tenant("alice"));
  const auto socket = wire::MessageSocket::connect(pool.socket("tenant"));
  REQUIRE(socket.ok());
  const wire::AttachRequest request = request_of({});
  REQUIRE(socket.value().send(std::as_bytes(std::span(&request, 1)), {}, now_ns() + ns_per_s).ok());
  REQUIRE(pool.wait_until([&] { return show(pool, "alice").at("sessions") == 1; }));
  REQUIRE(ask(pool, "tenant-delete", {{"name", "alice"}, {"force", true}}).at("ok") == true);
  CHECK(reason(read_answer(socket.value())) == "tenant alice was deleted");
  CHECK(device(pool).at("memory_promised_bytes") == 0);
}

TEST_CASE(
    "a tenant can be created beside the sessions of an ad-hoc one of that name, which the next daemon keeps apart") {
  PoolUnderTest pool;
  const Program program(pool, {"alice"});
  REQUIRE(program.granted());
  CHECK(ask(pool, "tenant-create", tenant("alice")).at("ok") == true);
  pool.kill_daemon();
  pool.start_daemon();
  REQUIRE(pool.wait_for_sessions(1));
  CHECK(ask(pool, "tenant-show", {{"name", "alice"}}).at("tenant").at("sessions") == 0);
  create(pool, tenant("bob", gib, json::array()));
  CHECK_THAT(reason(attach(pool, {"bob"})), Contains("no rule of this pool lets"));
}

TEST_CASE("a tenant's id is shown, and is another one's when the name comes back") {
  const PoolUnderTest pool;
  const auto id = [&] {
    return ask(pool, "tenant-create", tenant("alice")).at("tenant").at("id").get<std::uint64_t>();
  };
  const std::uint64_t first = id();
  CHECK(ask(pool, "tenant-list").at("tenants")[0].at("id") == first);
  REQUIRE(ask(pool, "tenant-delete", {{"name", "alice"}}).at("ok") == true);
  CHECK(id() == first + 1);
}

TEST_CASE("a second tenant of a user is refused while another has sessions, unless tenants may share a user") {
  server::Config config;
  config.share_uid = GENERATE(false, true);
  const PoolUnderTest pool(config);
  Program first(pool, {"alice"}), same(pool, {"alice"});
  REQUIRE((first.granted() && same.granted()));
  const Granted second = attach(pool, {"bob"});
  CHECK((second.reply.granted != 0) == *config.share_uid);
  if (*config.share_uid) return;
  CHECK_THAT(second.reply.reason, Contains("has sessions of tenant alice") && Contains("tenants.share_uid"));
  first.end();
  same.end();
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(attach(pool, {"bob"}).reply.granted != 0);
}

TEST_CASE("what was acknowledged is there after the daemon was killed, and its sessions go on in it") {
  PoolUnderTest pool(strict());
  create(pool, tenant("alice"));
  const Program program(pool);
  REQUIRE(program.granted());
  REQUIRE(set(pool, "alice", {{"memory_bytes", 2 * gib}}).at("ok") == true);
  const Program later(pool);
  const std::string token = make_token(pool, "alice");
  pool.kill_daemon();
  pool.start_daemon();
  REQUIRE(pool.wait_for_sessions(2));
  CHECK(show(pool, "alice").at("sessions") == 2);
  CHECK(device(pool).at("memory_promised_bytes") == 2 * gib);
  CHECK(pool.sessions()[0].at("memory_limit_bytes") == 2 * gib);
  CHECK(attach(pool, {"", 0, 0, token}).reply.granted == 1);
}

TEST_CASE("a list is applied as a whole, and shown before") {
  const PoolUnderTest pool(strict());
  create(pool, tenant("bob", gib, json::array()));
  create(pool, tenant("carol", gib, json::array()));
  REQUIRE(ask(pool, "tenant-suspend", {{"name", "bob"}}).at("ok") == true);
  const json wanted{{"tenants", json::array({tenant("alice"), tenant("bob", 2 * gib, json::array())})}};
  json look = wanted;
  look["dry_run"] = true;
  CHECK(actions(ask(pool, "apply", look)) == "create alice;change bob;delete carol;");
  CHECK(ask(pool, "tenant-list").at("tenants").size() == 2);
  CHECK(actions(ask(pool, "apply", wanted)) == "create alice;change bob;delete carol;");
  CHECK(actions(ask(pool, "apply", wanted)).empty());
  CHECK(show(pool, "bob").at("memory_bytes") == 2 * gib);
  CHECK(show(pool, "bob").at("suspended") == true);
  CHECK(ask(pool, "tenant-show", {{"name", "carol"}}).at("ok") == false);
}

TEST_CASE("a list without a tenant that is in use changes nothing at all") {
  const PoolUnderTest pool(strict());
  create(pool, tenant("alice"));
  const Granted granted = attach(pool);
  REQUIRE(granted.reply.granted == 1);
  json wanted{{"tenants", json::array({tenant("bob")})}, {"dry_run", true}};
  CHECK_THAT(ask(pool, "apply", wanted).value("obstacle", ""), Contains("tenant alice is in use"));
  wanted["dry_run"] = false;
  CHECK_THAT(refusal(ask(pool, "apply", wanted)), Contains("tenant alice is in use"));
  CHECK(ask(pool, "tenant-list").at("tenants").size() == 1);
}

TEST_CASE("a tenant that makes no sense is refused with what would") {
  const PoolUnderTest pool(strict());
  const auto with = [](const char* key, const json& value) {
    json wrong = tenant("alice");
    wrong[key] = value;
    return wrong;
  };
  for (const json& wrong :
       {with("name", "../etc"), with("name", 7), with("gpu_milli", -1), with("gpu_milli", 501), with("cap_milli", 0),
        with("cap_milli", 1.5), with("class", "royal"), with("memory_bytes", 0), with("memory_bytes", 1ull << 63),
        with("sessions_max", 257), with("rules", json::object()), with("rules", json::array({{{"uid", "alice"}}})),
        with("rules", json::array({{{"uid", 0xffffffffu}}})), with("rules", json::array({{{"cgroup", "/a/../b"}}})),
        with("colour", "blue"), json::object()}) {
    INFO(wrong.dump());
    CHECK(refusal(ask(pool, "tenant-create", wrong)).size() > 10);
    CHECK(ask(pool, "apply", {{"tenants", json::array({wrong})}}).at("ok") == false);
  }
  CHECK(ask(pool, "tenant-list").at("tenants").empty());
  create(pool, tenant("alice"));
  CHECK_THAT(refusal(ask(pool, "tenant-create", tenant("alice"))), Contains("there is a tenant alice already"));
  CHECK(ask(pool, "apply", {{"tenants", json::array({tenant("a"), tenant("a")})}}).at("ok") == false);
  for (const char* verb : {"tenant-show", "tenant-set", "tenant-suspend", "tenant-delete"})
    CHECK_THAT(refusal(ask(pool, verb, {{"name", "nobody"}})), Contains("there is no tenant nobody"));
}

TEST_CASE("a file of a thousand tenants fits into one request") {
  const PoolUnderTest pool(strict());
  json wanted{{"tenants", json::array()}};
  for (int i = 0; i < 1000; ++i) wanted["tenants"].push_back(tenant("tenant-" + std::to_string(i)));
  CHECK(ask(pool, "apply", wanted).at("changes").size() == 1000);
  CHECK(ask(pool, "tenant-list").at("tenants").size() == 1000);
}

TEST_CASE("a deleted tenant's cache is deleted") {
  const PoolUnderTest pool;
  create(pool, tenant("alice"));
  const std::string folder =
      pool.folder() + "/cache/" +
      std::to_string(ask(pool, "tenant-show", {{"name", "alice"}}).at("tenant").at("id").get<int>());
  REQUIRE(attach(pool, {"alice"}).reply.granted == 1);
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(std::filesystem::exists(folder));
  CHECK(ask(pool, "tenant-delete", {{"name", "alice"}}).at("cache_removed") == true);
  CHECK(pool.wait_until([&] { return !std::filesystem::exists(folder); }));
}
