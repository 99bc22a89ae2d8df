// What the pool tells its owner.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/daemon/server/pool_under_test.h"

using namespace sluice;
using namespace sluice::test;

namespace {

UniqueFd connect_admin(const PoolUnderTest& pool) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  pool.socket("admin").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

std::string read_all(const UniqueFd& fd) {
  std::string text;
  char room[1024];
  for (ssize_t count; (count = recv(fd.get(), room, sizeof room, 0)) > 0;)
    text.append(room, static_cast<std::size_t>(count));
  return text;
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

}  // namespace

TEST_CASE("only the owner can reach the admin socket") {
  const PoolUnderTest pool;
  CHECK(mode_of(pool.socket("admin")) == 0600);
  CHECK(mode_of(pool.socket("tenant")) == 0600);  // a user's own pool
}

TEST_CASE("another user is not heard at the admin socket, whatever its mode is") {
  if (geteuid() != 0) {
    WARN("not root: no other user can be tried");
    return;
  }
  const PoolUnderTest pool;
  for (const std::string& path : {pool.folder(), pool.socket("admin")}) REQUIRE(chmod(path.c_str(), 0777) == 0);
  const auto answered = [&](uid_t uid) {
    const pid_t child = fork();
    if (child == 0) {
      if (setgid(uid) != 0 || setuid(uid) != 0) _exit(2);
      const UniqueFd fd = connect_admin(pool);
      (void)send(fd.get(), "{\"verb\":\"status\"}\n", 18, MSG_NOSIGNAL);
      _exit(read_all(fd).empty() ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  CHECK(answered(0) == 0);
  CHECK(answered(65534) == 1);
}

TEST_CASE("status tells of the daemon, its devices and what is free") {
  const PoolUnderTest pool;
  const auto status = pool.ask({{"verb", "status"}});
  CHECK(status.at("ok") == true);
  CHECK(status.at("pid") == pool.daemon_pid());
  CHECK(status.at("runtime_dir") == pool.folder());
  CHECK(status.at("user_pool") == true);
  CHECK(status.at("sessions_max") == 256);
  REQUIRE(status.at("devices").size() == 1);
  const auto& device = status.at("devices")[0];
  CHECK(device.at("name") == "fake card");
  CHECK(device.at("memory_bytes") == 8ull << 30);
  CHECK(device.at("gpu_milli") == 1000);
}

TEST_CASE("devices are described") {
  const PoolUnderTest pool;
  const auto device = pool.ask({{"verb", "devices"}}).at("devices")[0];
  CHECK(device.at("kind") == "gpu");
  CHECK(device.at("uuid") == "fa000000-0000-0000-0000-000000000000");
  CHECK(device.at("compute_units") == 8);
  CHECK(device.at("vendor") == "nobody");
  CHECK(device.at("class") == "fake card");
  CHECK(device.at("health") == nlohmann::json{{"state", "ok"}});
  CHECK(device.at("slices").empty());
  CHECK_FALSE(device.contains("card"));
}

TEST_CASE("a device's slices are listed by tenant, with their sessions") {
  const PoolUnderTest pool;
  const Granted first = attach(pool, {"alice", 250, 1 << 30}), second = attach(pool, {"alice"}),
                other = attach(pool, {"bob", 0, 2 << 20});
  const auto slices = pool.ask({{"verb", "devices"}}).at("devices")[0].at("slices");
  REQUIRE(slices.size() == 2);
  CHECK(slices[0] ==
        nlohmann::json{{"tenant", "alice"}, {"gpu_milli", 250}, {"memory_bytes", 1 << 30}, {"sessions", 2}});
  CHECK(slices[1] == nlohmann::json{{"tenant", "bob"}, {"gpu_milli", 0}, {"memory_bytes", 2 << 20}, {"sessions", 1}});
}

TEST_CASE("a question that makes no sense is answered with what would") {
  const PoolUnderTest pool;
  for (const char* line : {"nonsense\n", "[]\n", "{}\n", "{\"verb\":3}\n", "{\"verb\":\"explode\"}\n", "\n"}) {
    const UniqueFd fd = connect_admin(pool);
    REQUIRE(send(fd.get(), line, strlen(line), MSG_NOSIGNAL) > 0);
    const auto reply = nlohmann::json::parse(read_all(fd), nullptr, false);
    INFO(line);
    REQUIRE(reply.is_object());
    CHECK(reply.at("ok") == false);
    CHECK(reply.at("code") == "invalid_argument");
  }
}

TEST_CASE("a question in pieces is answered, one without an end is cut off") {
  const PoolUnderTest pool;
  const UniqueFd slow = connect_admin(pool);
  for (const char c : std::string("{\"verb\":\"status\"}\n")) {
    REQUIRE(send(slow.get(), &c, 1, MSG_NOSIGNAL) == 1);
    usleep(1000);
  }
  CHECK(read_all(slow).find("\"ok\":true") != std::string::npos);
  const UniqueFd endless = connect_admin(pool);
  const std::string noise(1'100'000, 'x');
  (void)!send(endless.get(), noise.data(), noise.size(), MSG_NOSIGNAL);
  CHECK(read_all(endless).empty());
}

TEST_CASE("owners who ask and do not listen keep nobody waiting") {
  const PoolUnderTest pool;
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 100; ++i) idle.push_back(connect_admin(pool));
  CHECK(pool.ask({{"verb", "status"}}).at("ok") == true);
  CHECK(attach(pool).reply.granted == 1);
}
