// The command as a person uses it: its own process, its output, its exit code.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Outcome {
  int status = 0;    // as waitpid gives it
  std::string text;  // stdout and stderr
  int exit_code() const { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
};

std::string quoted(const std::string& word) { return "'" + word + "'"; }

Outcome run(const std::string& arguments, const std::string& before = "") {
  Outcome outcome;
  FILE* output = popen((before + " exec " + quoted(SLUICE_COMMAND) + " " + arguments + " 2>&1").c_str(), "r");
  REQUIRE(output != nullptr);
  char room[4096];
  while (std::fgets(room, sizeof room, output) != nullptr) outcome.text += room;
  outcome.status = pclose(output);
  return outcome;
}

Outcome run_in(const PoolUnderTest& pool, const std::string& arguments, const std::string& before = "") {
  return run("run --runtime-dir " + pool.folder() + " " + arguments, before);
}

}  // namespace

TEST_CASE("without a daemon every command says so in one line and ends with 69") {
  for (const char* command :
       {"run --runtime-dir /nonexistent -- true", "status --runtime-dir /nonexistent",
        "devices --runtime-dir /nonexistent", "sessions --runtime-dir /nonexistent",
        "session move 1 --to 1 --runtime-dir /nonexistent", "tenant list --runtime-dir /nonexistent",
        "tenant token a --runtime-dir /nonexistent", "apply -f /dev/null --runtime-dir /nonexistent"}) {
    const Outcome outcome = run(command);
    INFO(command << ": " << outcome.text);
    CHECK(outcome.exit_code() == 69);
    CHECK_THAT(outcome.text, Catch::StartsWith("sluice: no daemon answers at /nonexistent/"));
    CHECK(std::count(outcome.text.begin(), outcome.text.end(), '\n') == 1);
  }
}

TEST_CASE("a wrong command line ends with 64") {
  for (const char* arguments : {"",
                                "fly",
                                "run",
                                "run --",
                                "run --gpu 3apples -- true",
                                "run --gpu 0 -- true",
                                "run --memory 0 -- true",
                                "run --tenant 'a b' -- true",
                                "status --user --socket x",
                                "status extra",
                                "sessions --no-such-option",
                                "session",
                                "session move",
                                "session move 7",
                                "session move x --to 1",
                                "session move 7 --to -1",
                                "tenant",
                                "tenant fly",
                                "tenant create",
                                "tenant create 'a b'",
                                "tenant create a --gpu 2",
                                "tenant create a --cap 0",
                                "tenant create a --memory 0",
                                "tenant create a --class royal",
                                "tenant create a --max-sessions 0",
                                "tenant create a --uid 'no such user'",
                                "tenant create a --gid 'no such group'",
                                "tenant create a --cgroup a",
                                "tenant set a --no-rules --uid 0",
                                "tenant token a --list --revoke x",
                                "tenant token a --list --file /dev/null",
                                "apply",
                                "apply -f /nonexistent",
                                "run --token-file /nonexistent -- true"}) {
    const Outcome outcome = run(arguments);
    INFO(arguments << ": " << outcome.text);
    CHECK(outcome.exit_code() == 64);
    CHECK_THAT(outcome.text, Catch::StartsWith("sluice: "));
  }
}

TEST_CASE("help teaches with examples and exit codes") {
  for (const char* arguments : {"--help", "run --help", "status --help", "devices --help", "sessions --help",
                                "session move --help", "doctor --help"}) {
    const Outcome outcome = run(arguments);
    INFO(arguments);
    CHECK(outcome.exit_code() == 0);
    CHECK_THAT(outcome.text, Catch::Contains("Examples:"));
  }
  CHECK_THAT(run("run --help").text, Catch::Contains("Exit codes:"));
}

TEST_CASE("a program keeps its exit code, its input and its output") {
  const PoolUnderTest pool;
  CHECK(run_in(pool, "-- sh -c 'exit 7'").exit_code() == 7);
  const Outcome cat = run_in(pool, "-- cat", "echo from outside |");
  CHECK(cat.exit_code() == 0);
  CHECK(cat.text == "from outside\n");
}

TEST_CASE("a session is moved, and what cannot be is refused with its reason, which is shown with the session") {
  const PoolUnderTest pool({}, "two");
  const Program program(pool, {"alice", 250, 1 << 30});
  const std::string id = std::to_string(pool.sessions()[0].at("id").get<std::uint64_t>());
  const auto ask = [&](const std::string& arguments) { return run(arguments + " --runtime-dir " + pool.folder()); };
  const Outcome dry = ask("session move " + id + " --to 1 --dry-run");
  CHECK(dry.exit_code() == 0);
  CHECK(dry.text == "would move to device 1: session " + id + "\n");
  const Outcome refused = ask("session move " + id + " --to 0");
  CHECK(refused.exit_code() == 1);
  CHECK(refused.text == "sluice: session " + id + " cannot be moved: it is on device 0 already\n");
  CHECK_THAT(ask("sessions --why").text,
             Catch::Contains("session " + id + " was not moved: it is on device 0 already"));
  const Outcome moved = ask("session move " + id + " --to 1");
  CHECK(moved.exit_code() == 0);
  CHECK_THAT(moved.text, Catch::Contains("PAUSE") && Catch::Contains("3.00 ms"));
  CHECK_THAT(ask("sessions --why").text, !Catch::Contains("was not moved"));
  const auto json = nlohmann::json::parse(ask("session move " + id + " --to 0 --json").text);
  CHECK(json.at("moved")[0].at("objects") == 12);
}

TEST_CASE("a signal ends the program, not a wrapper around it") {
  const PoolUnderTest pool;
  const Outcome outcome = run_in(pool, "-- sh -c 'kill -TERM $$'");
  CHECK(WIFSIGNALED(outcome.status));
  CHECK(WTERMSIG(outcome.status) == SIGTERM);
}

TEST_CASE("what stands behind the program's name is the program's, with and without dashes") {
  const PoolUnderTest pool;
  CHECK(run_in(pool, "-- echo --gpu 3 -- --help").text == "--gpu 3 -- --help\n");
  CHECK(run_in(pool, "echo --gpu 3").text == "--gpu 3\n");
}

TEST_CASE("the environment of a program leads it to the pool") {
  const PoolUnderTest pool;
  const std::string text = run_in(pool, "--tenant alice --gpu 0.25 --memory 2GiB -- env").text;
  CHECK_THAT(text, Catch::Contains("LD_PRELOAD=" SLUICE_SHIM_FOLDER "/libOpenCL.so.1\n"));
  CHECK_THAT(text, Catch::Contains("OCL_ICD_VENDORS=" SLUICE_SHIM_FOLDER "/vendors\n"));
  CHECK_THAT(text, Catch::Contains("SLUICE_SOCKET=" + pool.socket("tenant") + "\n"));
  CHECK_THAT(text, Catch::Contains("SLUICE_TENANT=alice\n"));
  CHECK_THAT(text, Catch::Contains("SLUICE_GPU=0.25\n"));
  CHECK_THAT(text, Catch::Contains("SLUICE_MEMORY=2GiB\n"));
}

TEST_CASE("sizes without a tenant make a slice of the program's own") {
  const PoolUnderTest pool;
  const std::string own = run_in(pool, "--memory 1GiB -- sh -c 'echo $SLUICE_TENANT $$'").text;
  const std::string number = own.substr(own.find(' ') + 1);
  CHECK_THAT(own, Catch::Contains("-" + number.substr(0, number.size() - 1) + " "));
  CHECK(run_in(pool, "-- sh -c 'echo x${SLUICE_TENANT}x${SLUICE_GPU}x${SLUICE_MEMORY}x'", "SLUICE_GPU=1").text ==
        "xxxx\n");
}

TEST_CASE("a program that is not there ends with 127, one that cannot run in the pool with 126") {
  const PoolUnderTest pool;
  CHECK(run_in(pool, "-- sluice-no-such-program").exit_code() == 127);
  CHECK(run_in(pool, "-- /etc/passwd").exit_code() == 126);
  CHECK(run_in(pool, "-- /").exit_code() == 126);
}

TEST_CASE("a daemon can be named by its socket, by its folder and by the environment") {
  const PoolUnderTest pool;
  CHECK(run("run --socket " + pool.socket("tenant") + " -- true").exit_code() == 0);
  CHECK(run("run -- true", "SLUICE_SOCKET=" + pool.socket("tenant")).exit_code() == 0);
  CHECK(run("status --socket " + pool.socket("admin")).exit_code() == 0);
}

TEST_CASE("status, devices and sessions show the pool in tables") {
  const PoolUnderTest pool;
  const Granted granted = attach(pool, {"alice", 250, 2ull << 30});
  const std::string place = " --runtime-dir " + pool.folder();
  const std::string status = run("status" + place).text;
  CHECK_THAT(status, Catch::Contains("serves one user from " + pool.folder()));
  CHECK_THAT(status, Catch::Contains("1 tenant with 1 session;"));
  CHECK_THAT(status, Catch::Contains("750m of 1000m") && Catch::Contains("6 GiB of 8 GiB"));
  const std::string devices = run("devices" + place).text;
  CHECK_THAT(devices, Catch::Contains("fake card") && Catch::Contains("gpu") && Catch::Contains("8 GiB"));
  const std::string sessions = run("sessions" + place).text;
  CHECK_THAT(sessions, Catch::Contains("alice") && Catch::Contains("250m") && Catch::Contains("1 MiB of 2 GiB") &&
                           Catch::Contains("5.00 ms") && Catch::Contains("111 B"));
  CHECK(run("sessions --ended" + place).text == "no session has ended yet\n");
}

TEST_CASE("a device whose workers fail is explained by status") {
  const PoolUnderTest pool({}, "broken");
  REQUIRE(pool.wait_until([&] { return pool.ask({{"verb", "status"}}).dump().find("on fire") != std::string::npos; }));
  CHECK_THAT(run("status --runtime-dir " + pool.folder()).text,
             Catch::Contains("device 0: workers cannot be started: the driver is on fire"));
}

TEST_CASE("every table can be had as JSON") {
  const PoolUnderTest pool;
  REQUIRE(run("tenant create alice --memory 1GiB --runtime-dir " + pool.folder()).exit_code() == 0);
  for (const char* command :
       {"status", "devices", "sessions", "sessions --ended", "tenant list", "tenant show alice", "tenant set alice",
        "tenant suspend alice", "tenant resume alice", "tenant token alice", "tenant token alice --list",
        "apply -f /dev/null --dry-run", "tenant delete alice", "apply -f /dev/null"}) {
    const Outcome outcome = run(std::string(command) + " --json --runtime-dir " + pool.folder());
    INFO(command);
    CHECK(outcome.exit_code() == 0);
    CHECK(nlohmann::json::parse(outcome.text, nullptr, false).is_object());
  }
}

TEST_CASE("a tenant's life on the command line, in sentences") {
  const PoolUnderTest pool;
  const std::string place = " --runtime-dir " + pool.folder();
  CHECK(run("tenant list" + place).text == "no tenants; 'sluice tenant create --help' has examples\n");
  CHECK(run("tenant create alice --gpu 250m --memory 1GiB" + place).text ==
        "tenant alice created; nobody may use it yet: 'sluice tenant set alice --uid USER', or 'sluice tenant token "
        "alice'\n");
  CHECK(run("tenant set alice --cap 500m --uid root --uid 7 --gid 8 --cgroup /a.slice" + place).text ==
        "~ change alice: cap 1000m -> 500m, rules no rules -> cgroup /a.slice, uid 0, uid 7, gid 8\n");
  CHECK(run("tenant set alice --cap 500m" + place).text == "tenant alice is so already\n");
  CHECK_THAT(run("tenant list" + place).text, Catch::Contains("0 B of 1 GiB") && Catch::Contains("0 of 16") &&
                                                  Catch::Contains("cgroup /a.slice, uid 0, uid 7, gid 8"));
  CHECK(run("tenant suspend alice" + place).text == "~ change alice: suspended\n");
  CHECK_THAT(run("tenant show alice" + place).text, Catch::Contains("suspended"));
  CHECK(run("tenant resume alice" + place).text == "~ change alice: resumed\n");
  CHECK(run("tenant set alice --no-rules" + place).exit_code() == 0);
  CHECK(run("tenant delete alice" + place).text == "deleted; its cache is being removed\n");
}

TEST_CASE("what the daemon refuses ends with 1 and its sentence") {
  const PoolUnderTest pool;
  const std::string place = " --runtime-dir " + pool.folder();
  const Outcome missing = run("tenant show nobody" + place);
  CHECK(missing.exit_code() == 1);
  CHECK(missing.text == "sluice: there is no tenant nobody; see 'sluice tenant list'\n");
  const Outcome sizeless = run("tenant create alice" + place);
  CHECK(sizeless.exit_code() == 1);
  CHECK(sizeless.text == "sluice: tenant alice: it needs an amount of memory, such as 2GiB\n");
}

TEST_CASE("a token is printed once, or kept in a private file that is never overwritten") {
  const PoolUnderTest pool;
  const std::string place = " --runtime-dir " + pool.folder(), file = pool.folder() + "/token";
  REQUIRE(run("tenant create alice --memory 1GiB" + place).exit_code() == 0);
  CHECK_THAT(run("tenant token alice" + place).text, Catch::StartsWith("slt1-"));
  CHECK_THAT(run("tenant token alice --file " + file + place).text, Catch::EndsWith(" is in " + file + "\n"));
  CHECK_THAT(run("tenant token alice --file " + file + place).text, Catch::EndsWith("and is not overwritten\n"));
  CHECK(run("tenant token nobody --file " + pool.folder() + "/other" + place).exit_code() == 1);
  CHECK(access((pool.folder() + "/other").c_str(), F_OK) != 0);
  const Outcome listed = run("tenant token alice --list" + place);
  CHECK(std::count(listed.text.begin(), listed.text.end(), '\n') == 3);
  const auto environment = run_in(pool, "--token-file " + file + " -- env").text;
  CHECK_THAT(environment, Catch::Contains("SLUICE_TOKEN_FILE=" + file));
  CHECK_THAT(run_in(pool, "-- env", "SLUICE_TOKEN_FILE=" + file).text, Catch::Contains("SLUICE_TOKEN_FILE=" + file));
}
