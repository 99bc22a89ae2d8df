#include "daemon/server/runtime/config.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

using namespace sluice;
using namespace sluice::server;

namespace {

std::string complaint(std::string_view text) {
  const auto config = parse_config(text, "sluiced.toml");
  REQUIRE_FALSE(config.ok());
  return config.status().message();
}

std::string read_source(const std::string& path) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/" + path);
  REQUIRE(file);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

TEST_CASE("an empty file is a whole configuration") {
  const auto config = parse_config("", "sluiced.toml");
  REQUIRE(config.ok());
  CHECK(config.value().workers_ready == 2);
  CHECK(config.value().sessions_per_tenant_max == 16);
  CHECK_FALSE(config.value().default_memory_bytes);
  CHECK(config.value().default_gpu == MilliGpu{0});
}

TEST_CASE("every key is read into its place") {
  const auto config = parse_config(R"(
[daemon]
runtime_dir = "/run/a"
state_dir = "/var/b"
cache_dir = "/var/c"
log_level = "debug"
[workers]
ready = 5
start_timeout_s = 7
[defaults]
memory = "2GiB"
gpu = "250m"
[placement]
policy = "balance"
[limits]
sessions_max = 9
sessions_per_tenant_max = 3
memory_max = "1.5GiB"
attach_per_s = 7
[cache]
tenant_max = "3MiB"
disk_free_min_percent = 4
[tenants]
anonymous = "guest"
ad_hoc = true
share_uid = false
[opencl]
icd_dir = "/etc/icd"
environment = { POCL_DEVICES = "basic", B = "2" }
[[device]]
index = 1
enabled = false
[[device]]
name = "pthread*"
memory = "512MiB"
gpu = "0.5"
)",
                                   "sluiced.toml");
  REQUIRE(config.ok());
  const Config& c = config.value();
  CHECK(c.runtime_dir == "/run/a");
  CHECK(c.state_dir == "/var/b");
  CHECK(c.cache_dir == "/var/c");
  CHECK(c.log_level == "debug");
  CHECK(c.workers_ready == 5);
  CHECK(c.start_timeout_s == 7);
  CHECK(c.default_memory_bytes == 2ull << 30);
  CHECK(c.default_gpu == MilliGpu{250});
  CHECK(c.placement_policy == "balance");
  CHECK(c.anonymous_tenant == "guest");
  CHECK(c.ad_hoc_tenants == true);
  CHECK(c.share_uid == false);
  CHECK(c.attach_per_s == 7);
  CHECK(c.cache_tenant_bytes_max == 3ull << 20);
  CHECK(c.cache_disk_free_min_percent == 4);
  CHECK(c.sessions_max == 9);
  CHECK(c.sessions_per_tenant_max == 3);
  CHECK(c.memory_max_bytes == 3ull << 29);
  CHECK(c.icd_dir == "/etc/icd");
  CHECK(c.environment == std::map<std::string, std::string>{{"POCL_DEVICES", "basic"}, {"B", "2"}});
  REQUIRE(c.devices.size() == 2);
  CHECK(c.devices[0].index == 1u);
  CHECK(c.devices[0].enabled == false);
  CHECK_FALSE(c.devices[1].enabled.has_value());
  CHECK(c.devices[1].name == "pthread*");
  CHECK(c.devices[1].memory_bytes == 512ull << 20);
  CHECK(c.devices[1].gpu == MilliGpu{500});
  CHECK(c.devices[1].where == "sluiced.toml:33");
}

TEST_CASE("an unknown key is refused with its place and the keys there are") {
  CHECK(complaint("[workers]\nready = 2\n  redy = 3\n") ==
        "sluiced.toml:3:3: unknown key 'redy' in [workers]; its keys are ready, start_timeout_s, probe_s");
}

TEST_CASE("an unknown section is refused with its place") {
  CHECK_THAT(complaint("\n\n[worker]\nready = 2\n"), Catch::StartsWith("sluiced.toml:3:2: unknown section 'worker'"));
  CHECK_THAT(complaint("ready = 2\n"), Catch::StartsWith("sluiced.toml:1:1: unknown section 'ready'"));
}

TEST_CASE("a value of the wrong type is refused with its place and what would be right") {
  CHECK(complaint("[workers]\nready = \"2\"\n") == "sluiced.toml:2:9: 'ready' must be a whole number from 0 to 64");
  CHECK(complaint("[workers]\nready = 65\n") == "sluiced.toml:2:9: 'ready' must be a whole number from 0 to 64");
  CHECK(complaint("[workers]\nready = -1\n") == "sluiced.toml:2:9: 'ready' must be a whole number from 0 to 64");
  CHECK(complaint("[workers]\nready = 2.0\n") == "sluiced.toml:2:9: 'ready' must be a whole number from 0 to 64");
  CHECK_THAT(complaint("[defaults]\nmemory = \"2 apples\"\n"),
             Catch::StartsWith("sluiced.toml:2:10: 'memory' must be"));
  CHECK_THAT(complaint("[defaults]\nmemory = \"0\"\n"), Catch::StartsWith("sluiced.toml:2:10: 'memory' must be"));
  CHECK_THAT(complaint("[defaults]\ngpu = \"1001m\"\n"), Catch::StartsWith("sluiced.toml:2:7: 'gpu' must be"));
  CHECK_THAT(complaint("[daemon]\nruntime_dir = \"run\"\n"), Catch::Contains("must be an absolute path"));
  CHECK_THAT(complaint("[daemon]\nlog_level = \"loud\"\n"),
             Catch::StartsWith("sluiced.toml:2:13: 'log_level' must be"));
  CHECK_THAT(complaint("[opencl]\nenvironment = { A = 1 }\n"),
             Catch::Contains("'environment' must be a table of strings"));
  CHECK_THAT(complaint("[opencl]\nenvironment = { POCL_CACHE_DIR = \"/x\" }\n"),
             Catch::Contains("set by sluiced itself"));
  CHECK_THAT(complaint("workers = 3\n"), Catch::Contains("[workers] must be a table"));
}

TEST_CASE("a policy that the allocator does not know is refused with those that it knows") {
  CHECK(parse_config("", "sluiced.toml").value().placement_policy == "best-fit-memory");
  CHECK(complaint("[placement]\npolicy = \"tightest\"\n") ==
        "sluiced.toml:2:10: 'policy' must be one of: balance, fgd, best-fit-memory, best-fit, worst-fit, dot-product, "
        "packing, first-fit, random");
}

TEST_CASE("a device is split into cards, with CPUs of their own or without") {
  const auto rule = [](const std::string& keys) {
    return parse_config("[[device]]\nindex = 0\n" + keys, "sluiced.toml").value().devices[0];
  };
  CHECK(rule("cards = 2").cards == 2u);
  CHECK(rule("cards = 2").cpus.empty());
  const DeviceRule named = rule("cpus = [\"0-1\", \"2\"]");
  REQUIRE(named.cpus.size() == 2);
  CHECK(named.cpus[0].to_string() == "0-1");
  CHECK(named.cpus[1].to_string() == "2");
  CHECK(rule("cards = 1\ncpus = [\"3\"]").cpus.size() == 1);
}

TEST_CASE("cards that make no sense are refused") {
  const auto said = [](const std::string& keys) { return complaint("[[device]]\nindex = 0\n" + keys + "\n"); };
  CHECK_THAT(said("cards = 0"), Catch::Contains("'cards' must be a whole number from 1 to 64"));
  CHECK_THAT(said("cpus = \"0\""), Catch::Contains("'cpus' must be an array with a list of CPUs for each card"));
  CHECK_THAT(said("cpus = []"), Catch::Contains("'cpus' must be"));
  CHECK_THAT(said("cpus = [\"zero\"]"), Catch::Contains("'cpus' must be"));
  CHECK_THAT(said("cpus = [\"0-1\", \"1\"]"), Catch::Contains("two of its cards have a CPU in common"));
  CHECK_THAT(said("cards = 3\ncpus = [\"0\", \"1\"]"), Catch::Contains("has 3 'cards', but 'cpus' for 2"));
}

TEST_CASE("a device rule must say which device it is about") {
  CHECK_THAT(complaint("[[device]]\nenabled = true\n"), Catch::Contains("needs either 'index' or 'name'"));
  CHECK_THAT(complaint("[[device]]\nindex = 0\nname = \"x\"\n"), Catch::Contains("needs either 'index' or 'name'"));
  CHECK_THAT(complaint("[device]\nindex = 0\n"), Catch::Contains("write [[device]]"));
}

TEST_CASE("broken TOML is refused with its place") {
  CHECK_THAT(complaint("[workers]\nready = = 2\n"), Catch::StartsWith("sluiced.toml:2:"));
}

TEST_CASE("all that is wrong is told at once, a line each") {
  const std::string all = complaint("[workers]\nredy = 1\n[limits]\nsessions_max = 0\n");
  CHECK(std::count(all.begin(), all.end(), '\n') == 1);
  CHECK_THAT(all, Catch::Contains("sluiced.toml:2:1") && Catch::Contains("sluiced.toml:4:16"));
}

TEST_CASE("a file that is not there is told from one that is wrong") {
  CHECK(load_config("/nonexistent/sluiced.toml").status().code() == Code::not_found);
  CHECK(load_config("/dev/null").ok());
  CHECK_FALSE(load_config("/tmp").ok());
}

TEST_CASE("the packaged configuration changes nothing, and everything that it shows is valid") {
  const std::string text = read_source("packaging/sluiced.toml");
  const auto as_it_is = parse_config(text, "packaging/sluiced.toml");
  REQUIRE(as_it_is.ok());
  CHECK(as_it_is.value().devices.empty());
  CHECK(as_it_is.value().environment.empty());
  // The same with its "#key = value" and "#[[table]]" lines in force.
  std::istringstream lines(text);
  std::string in_force;
  for (std::string line; std::getline(lines, line);) {
    const bool shown = line.size() > 1 && line[0] == '#' && (std::islower(line[1]) != 0 || line[1] == '[');
    in_force += (shown ? line.substr(1) : line) + "\n";
  }
  const auto all = parse_config(in_force, "packaging/sluiced.toml");
  INFO(all.status().message());
  REQUIRE(all.ok());
  CHECK(all.value().devices.size() == 2);
  CHECK(all.value().workers_ready == Config{}.workers_ready);
  CHECK(all.value().start_timeout_s == Config{}.start_timeout_s);
  CHECK(all.value().sessions_max == Config{}.sessions_max);
  CHECK(all.value().sessions_per_tenant_max == Config{}.sessions_per_tenant_max);
  CHECK(all.value().log_level == Config{}.log_level);
}

TEST_CASE("every key is documented in the packaged file, in the manual and in the guide") {
  for (const char* path : {"packaging/sluiced.toml", "docs/man/sluiced.toml.5", "docs/CONFIGURATION.md"}) {
    const std::string text = read_source(path);
    for (const std::string& key : config_keys()) {
      INFO(path << " " << key);
      CHECK(text.find(key.substr(key.find('.') + 1)) != std::string::npos);
    }
  }
}
