#include "tools/sluice/tenants_file.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::cli;
using nlohmann::json;

namespace {

std::string complaint(const std::string& text) {
  const auto parsed = parse_tenants(text, "t.toml");
  REQUIRE_FALSE(parsed.ok());
  return parsed.status().message();
}

}  // namespace

TEST_CASE("a file of tenants is read as the admin protocol has them") {
  const auto parsed = parse_tenants(R"(
[[tenant]]
name = "alice"
gpu = "250m"
cap = "0.5"
class = "latency"
memory = "2GiB"
max_sessions = 8
suspended = true
uid = [1000, "root"]
gid = [100]
cgroup = ["/ci.slice"]
[[tenant]]
name = "bob"
)",
                                    "t.toml");
  INFO(parsed.status().message());
  REQUIRE(parsed.ok());
  CHECK(parsed.value() == json::parse(R"([
    {"name": "alice", "gpu_milli": 250, "cap_milli": 500, "class": "latency", "memory_bytes": 2147483648,
     "sessions_max": 8, "suspended": true,
     "rules": [{"cgroup": "/ci.slice"}, {"gid": 100}, {"uid": 1000}, {"uid": 0}]},
    {"name": "bob", "rules": []}])"));
}

TEST_CASE("an empty file is a list of no tenants") { CHECK(parse_tenants("", "t.toml").value() == json::array()); }

TEST_CASE("what is not understood is refused with its place, all of it at once") {
  CHECK(complaint("[[tenant]]\nname = \"a\"\ncolour = \"blue\"\n") ==
        "t.toml:3:1: unknown key 'colour' in [[tenant]]; its keys are name, gpu, cap, class, memory, max_sessions, "
        "suspended, uid, gid, cgroup");
  CHECK(complaint("[[tenant]]\nname = \"a\"\ncap = \"0\"\n") ==
        "t.toml:3:7: 'cap' must be a share of one device above nothing, such as \"500m\"");
  CHECK(complaint("[[tenant]]\ngpu = \"1m\"\n") == "t.toml:1:1: [[tenant]] needs a 'name'");
  CHECK(complaint("[tenant]\nname = \"a\"\n") == "t.toml:1:2: write [[tenant]], with double brackets, for each tenant");
  CHECK(complaint("x = 1\n") == "t.toml:1:1: unknown 'x'; there is [[tenant]]");
  CHECK(complaint("[[tenant]\n").starts_with("t.toml:1:"));
  const std::string both = complaint("[[tenant]]\nname = \"a\"\nmemory = 3\nclass = \"royal\"\n");
  CHECK_THAT(both, Catch::Contains("t.toml:3:10: 'memory'") && Catch::Contains("t.toml:4:9: 'class'"));
}

TEST_CASE("each value is checked") {
  const std::string wrong =
      GENERATE("name = 3", "name = \"a b\"", "gpu = 250", "gpu = \"1001m\"", "cap = \"2\"", "class = \"Latency\"",
               "memory = \"0\"", "memory = \"lots\"", "max_sessions = 0", "max_sessions = 257", "max_sessions = \"8\"",
               "suspended = 1", "uid = 1000", "uid = [-1]", "uid = [4294967295]", "uid = [\"no such user\"]",
               "uid = [1.5]", "gid = [\"no such group\"]", "cgroup = \"/a\"", "cgroup = [\"a\"]", "cgroup = [1]");
  const std::string name = wrong.starts_with("name") ? "" : "name = \"a\"\n";
  INFO(wrong);
  CHECK_THAT(complaint("[[tenant]]\n" + name + wrong + "\n"),
             Catch::Contains("'" + wrong.substr(0, wrong.find(' ')) + "' must be "));
}
