// Whoever dies, at whatever moment: the slice is back, nothing is left, and nobody else notices.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "daemon/sessions/worker_link.h"
#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;

namespace {

std::size_t entries_in(const std::string& folder) {
  std::error_code error;
  const auto entries = std::filesystem::directory_iterator(folder, error);
  return error ? 0 : static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::uint64_t promised(const PoolUnderTest& pool) {
  return pool.ask({{"verb", "status"}}).at("devices")[0].at("memory_promised_bytes");
}

}  // namespace

TEST_CASE("a program that is killed gives its slice back") {
  const PoolUnderTest pool;
  Program program(pool, {"alice"});
  REQUIRE(program.granted());
  program.end();
  CHECK(pool.wait_for_sessions(0));
  CHECK(promised(pool) == 0);
}

TEST_CASE("a worker that does not notice its program's death is ended soon") {
  const PoolUnderTest pool({}, "stubborn");
  Program program(pool, {"alice"});
  REQUIRE(program.granted());
  program.end();
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(pool.sessions(true)[0].at("reason") == "the program has gone");
}

TEST_CASE("a slice is free when its worker has given it back, and the worker has some time to leave") {
  const PoolUnderTest pool({}, "lingering");
  Program program(pool, {"alice"});
  REQUIRE(program.granted());
  const pid_t worker = pool.sessions()[0].at("worker_pid");
  program.end();
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(promised(pool) == 0);
  CHECK(pool.sessions(true)[0].at("reason") == "the program?[31m has gone");
  CHECK(kill(worker, 0) == 0);
  CHECK(pool.ask({{"verb", "status"}}).at("devices")[0].at("workers").at("serving") == 0);
  CHECK(pool.wait_until([&] { return kill(worker, 0) != 0; }));
  CHECK(pool.sessions(true).size() == 1);
}

TEST_CASE("a worker that is killed ends its own session and no other") {
  const PoolUnderTest pool;
  const Program victim(pool, {"alice"});
  const Program other(pool, {"bob"});
  const pid_t worker = pool.sessions()[0].at("worker_pid");
  kill(worker, SIGKILL);
  CHECK(victim.lost());
  REQUIRE(pool.wait_for_sessions(1));
  CHECK(pool.sessions()[0].at("tenant") == "bob");
  const auto ended = pool.sessions(true);
  CHECK(ended[0].at("reason") == "worker was killed by signal 9 (Killed)");
  CHECK(ended[0].at("usage").at("launches") == 7);
}

TEST_CASE("a program that leaves before its answer leaves nothing taken") {
  server::Config config;
  config.workers_ready = 0;
  const PoolUnderTest pool(config, "mute");
  {
    const auto socket = wire::MessageSocket::connect(pool.socket("tenant"));
    const auto request = request_of({"alice"});
    REQUIRE(socket.value().send(std::as_bytes(std::span(&request, 1)), {}, now_ns() + ns_per_s).ok());
    REQUIRE(pool.wait_until([&] { return promised(pool) > 0; }));
  }
  CHECK(pool.wait_until([&] { return promised(pool) == 0; }));
}

TEST_CASE("a program that leaves while a worker is given its session leaves nothing taken") {
  const PoolUnderTest pool({}, "deaf");
  {
    const auto socket = wire::MessageSocket::connect(pool.socket("tenant"));
    const auto request = request_of({"alice"});
    REQUIRE(socket.value().send(std::as_bytes(std::span(&request, 1)), {}, now_ns() + ns_per_s).ok());
    REQUIRE(pool.wait_until([&] { return promised(pool) > 0; }));
  }
  CHECK(pool.wait_until([&] { return promised(pool) == 0; }));
  CHECK(pool.sessions(true).empty());
}

TEST_CASE("a daemon that is told to stop ends everything and exits cleanly") {
  PoolUnderTest pool;
  const Program program(pool);
  REQUIRE(program.granted());
  const int status = pool.stop_daemon();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(program.lost());
  CHECK(pool.workers().empty());
  CHECK(entries_in(pool.folder() + "/workers") == 0);
  for (const char* name : {"tenant", "admin"}) CHECK_FALSE(std::filesystem::exists(pool.socket(name)));
}

TEST_CASE("a daemon that is killed leaves its sessions alive, and the next one takes them over") {
  PoolUnderTest pool;
  const Program first(pool, {"alice", 250, 1 << 30}), second(pool, {"alice"}), third(pool, {"bob"});
  const auto before = pool.sessions();
  pool.kill_daemon();
  usleep(100'000);
  pool.start_daemon();
  auto after = pool.sessions();
  REQUIRE(after.size() == 3);
  CHECK(after == before);
  CHECK(promised(pool) == (2ull << 30));
  // The tenant goes on as one: its limit holds over old and new sessions, which share a page.
  const Granted joined = attach(pool, {"alice"});
  CHECK(joined.reply.gpu_milli == 250);
  CHECK(pool.sessions()[3].at("tenant_memory_bytes") == 3 << 20);
}

TEST_CASE("an adopted session ends like any other") {
  PoolUnderTest pool;
  Program program(pool, {"alice"}), other(pool, {"alice"});
  pool.kill_daemon();
  pool.start_daemon();
  REQUIRE(pool.sessions().size() == 2);
  program.end();
  REQUIRE(pool.wait_for_sessions(1));
  CHECK(pool.sessions(true)[0].at("usage").at("device_ns") == 5'000'000);
  kill(pool.sessions()[0].at("worker_pid").get<pid_t>(), SIGKILL);
  REQUIRE(pool.wait_for_sessions(0));
  CHECK(promised(pool) == 0);
  CHECK(other.lost());
}

TEST_CASE("a second daemon's death changes nothing either") {
  PoolUnderTest pool;
  const Program program(pool, {"alice"});
  const auto before = pool.sessions();
  for (int i = 0; i < 2; ++i) {
    pool.kill_daemon();
    pool.start_daemon();
    CHECK(pool.sessions() == before);
  }
}

TEST_CASE("a program that died while no daemon lived is not found again, and nothing of it is left") {
  PoolUnderTest pool;
  Program program(pool, {"alice"});
  pool.kill_daemon();
  program.end();
  REQUIRE(pool.wait_until([&] { return pool.workers().empty(); }));
  pool.start_daemon();
  CHECK(pool.sessions().empty());
  CHECK(promised(pool) == 0);
}

// A program with a session whose socket another process holds, too.
class LeakyProgram {
 public:
  explicit LeakyProgram(const PoolUnderTest& pool) {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[1]);
      const Granted granted = attach(pool, {"alice"});
      char byte = 0;
      if (fork() == 0) _exit(static_cast<int>(read(ends[0], &byte, 1)));  // until the test is over
      for (;;) pause();
    }
    close(ends[0]);
    lifeline_.reset(ends[1]);
    REQUIRE(pool.wait_for_sessions(1));
  }
  void end() const {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
  UniqueFd lifeline_;
};

TEST_CASE("a program's death ends its session, although another process holds its socket") {
  PoolUnderTest pool;
  const LeakyProgram program(pool);
  SECTION("under the daemon that gave it the session") { program.end(); }
  SECTION("under the next daemon") {
    pool.kill_daemon();
    pool.start_daemon();
    REQUIRE(pool.sessions().size() == 1);
    program.end();
  }
  SECTION("while there is no daemon") {
    pool.kill_daemon();
    program.end();
    pool.start_daemon();
  }
  CHECK(pool.wait_for_sessions(0));
  CHECK(promised(pool) == 0);
}

TEST_CASE("a process that answers at a worker's adoption socket in its place is told nothing, and ends that session") {
  PoolUnderTest pool;
  const Program program(pool, {"alice"});
  const pid_t worker = pool.sessions()[0].at("worker_pid");
  std::string adoption_socket;
  for (const auto& entry : std::filesystem::directory_iterator(pool.folder() + "/workers"))
    if (entry.path().extension() == ".session")
      adoption_socket = (entry.path().parent_path() / entry.path().stem() / "adoption.sock").string();
  REQUIRE(adoption_socket != "");
  const auto impostor = wire::listen_at(adoption_socket, 0600);
  REQUIRE(impostor.ok());
  pool.kill_daemon();
  pool.start_daemon();
  const wire::MessageSocket caller{UniqueFd(accept(impostor.value().get(), nullptr, nullptr))};
  REQUIRE(caller.valid());
  CHECK(caller.receive(now_ns() + ns_per_s).status().code() == Code::unavailable);
  CHECK(pool.sessions().empty());
  CHECK(program.lost());
  CHECK(pool.wait_until([&] { return kill(worker, 0) != 0; }));
}

TEST_CASE("a worker that claims another session or other memory than its own is not believed, and ended") {
  const char* lie = GENERATE("forge", "swap");
  PoolUnderTest pool;
  pool.behave(lie);
  const Program program(pool, {"alice"});
  const pid_t liar = pool.sessions()[0].at("worker_pid");
  pool.kill_daemon();
  pool.start_daemon();  // lets programs in when all is settled
  CHECK(pool.sessions().empty());
  CHECK(promised(pool) == 0);
  CHECK(program.lost());
  CHECK(pool.wait_until([&] { return kill(liar, 0) != 0 || waitpid(liar, nullptr, WNOHANG) != 0; }));
}
