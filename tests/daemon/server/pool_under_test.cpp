#include "tests/daemon/server/pool_under_test.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "daemon/server/runtime/files.h"
#include "daemon/server/server.h"
#include "daemon/server/workers/worker_groups.h"

namespace sluice::test {
namespace {

constexpr Nanoseconds patience_ns = 5 * ns_per_s;

[[noreturn]] void be_daemon(server::Config config, const std::string& folder) {
  server::block_stop_signals();
  (void)log::configure(std::getenv("SLUICE_TEST_LOG") != nullptr ? "debug" : "error", "sluiced");
  auto server =
      server::Server::create({std::move(config), pool_folders_below(folder), true, SLUICE_FAKE_WORKER, SLUICE_JAILER});
  if (!server.ok()) std::fprintf(stderr, "the daemon does not start: %s\n", server.status().message().c_str());
  if (!server.ok() || !server.value()->stop_on_signals().ok()) _exit(99);
  const int code = server.value()->run();
  server.value().reset();
  _exit(code);
}

UniqueFd connect_stream(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

std::string converse(const std::string& path, const std::string& line) {
  const UniqueFd fd = connect_stream(path);
  if (!fd.valid() || send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) return "";
  std::string text;
  char room[4096];
  for (ssize_t count; (count = recv(fd.get(), room, sizeof room, 0)) > 0;)
    text.append(room, static_cast<std::size_t>(count));
  return text;
}

}  // namespace

PoolUnderTest::PoolUnderTest(server::Config config, const std::string& behaviour) : config_(std::move(config)) {
  char name[] = "/tmp/sluice-pool-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  folder_ = name;
  if (!server::WorkerGroups::open(config_, folder_).ok()) config_.jail_without.add(Fence::cgroup);
  config_.environment["FAKE_WORKER"] = folder_ + "/behaviour";
  config_.jail_readable.push_back(folder_ + "/behaviour");
  behave(behaviour);
  start_daemon();
}

PoolUnderTest::~PoolUnderTest() {
  if (daemon_ > 0) {
    kill(daemon_, SIGKILL);
    waitpid(daemon_, nullptr, 0);
  }
  for (const pid_t pid : workers()) kill(pid, SIGKILL);
  remove_groups();
  std::filesystem::remove_all(folder_);
}

// As the next daemon would.
void PoolUnderTest::remove_groups() const {
  const auto groups = server::WorkerGroups::open(config_, folder_);
  if (!groups.ok()) return;
  for (const cgroups::WorkerCgroup& group : groups.value().leftovers({})) group.removal()();
  groups.value().remove();
}

void PoolUnderTest::start_daemon() {
  std::fflush(nullptr);
  daemon_ = fork();
  if (daemon_ == 0) be_daemon(config_, folder_);
  // The last step of a start is that a program may come in: one that says nothing true is turned away.
  REQUIRE(wait_until([this] {
    const auto socket = wire::MessageSocket::connect(this->socket("tenant"));
    return socket.ok() && socket.value().send(std::as_bytes(std::span("?")), {}, now_ns() + ns_per_s).ok() &&
           read_answer(socket.value()).answered;
  }));
}

void PoolUnderTest::kill_daemon() {
  kill(daemon_, SIGKILL);
  waitpid(std::exchange(daemon_, -1), nullptr, 0);
}

int PoolUnderTest::stop_daemon() {
  kill(daemon_, SIGTERM);
  int status = 0;
  waitpid(std::exchange(daemon_, -1), &status, 0);
  return status;
}

void PoolUnderTest::behave(const std::string& behaviour) { std::ofstream(folder_ + "/behaviour") << behaviour << "\n"; }

nlohmann::json PoolUnderTest::ask(const nlohmann::json& request) const {
  const auto reply = nlohmann::json::parse(converse(socket("admin"), request.dump() + "\n"), nullptr, false);
  REQUIRE(reply.is_object());
  return reply;
}

nlohmann::json PoolUnderTest::sessions(bool ended) const {
  return ask({{"verb", "sessions"}, {"ended", ended}}).at("sessions");
}

bool PoolUnderTest::wait_until(const std::function<bool()>& condition) const {
  const Nanoseconds deadline = now_ns() + patience_ns;
  while (now_ns() < deadline) {
    if (condition()) return true;
    usleep(2000);
  }
  return condition();
}

bool PoolUnderTest::wait_for_sessions(std::size_t count) const {
  return wait_until([this, count] { return sessions().size() == count; });
}

std::vector<pid_t> PoolUnderTest::workers() const {
  std::vector<pid_t> pids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    const std::string words = server::read_kernel_file(entry.path() / "cmdline");
    if (pid > 0 && words.find("fake-worker") != std::string::npos && words.find(folder_) != std::string::npos)
      pids.push_back(pid);
  }
  return pids;
}

wire::AttachRequest request_of(const Wish& wish) {
  wire::AttachRequest request;
  wire::set_text(request.tenant, wish.tenant);
  wire::set_text(request.program, "test");
  request.gpu_milli = wish.gpu_milli;
  request.memory_bytes = wish.memory_bytes;
  wire::set_text(request.token, wish.token);
  return request;
}

Granted read_answer(const wire::MessageSocket& socket) {
  Granted granted;
  auto message = socket.receive(now_ns() + 15 * ns_per_s);
  if (!message.ok()) return granted;
  auto attachment = wire::decode_attach_reply(message.value().bytes);
  if (!attachment.ok()) return granted;
  granted.answered = true;
  granted.reply = attachment.value().reply;
  granted.traits = attachment.value().traits;
  if (granted.reply.granted != 0 && message.value().fds.size() == wire::reply_fds) {
    granted.control = std::move(message.value().fds[wire::reply_fd_control]);
    granted.arena = std::move(message.value().fds[wire::reply_fd_arena]);
    granted.session = std::move(message.value().fds[wire::reply_fd_session]);
    granted.output = std::move(message.value().fds[wire::reply_fd_output]);
  }
  return granted;
}

Granted attach(const PoolUnderTest& pool, const Wish& wish) {
  const auto socket = wire::MessageSocket::connect(pool.socket("tenant"));
  if (!socket.ok()) return {};
  const wire::AttachRequest request = request_of(wish);
  if (!socket.value().send(std::as_bytes(std::span(&request, 1)), {}, now_ns() + ns_per_s).ok()) return {};
  return read_answer(socket.value());
}

Program::Program(const PoolUnderTest& pool, const Wish& wish) {
  auto ends = wire::MessageSocket::pair().take();
  std::fflush(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    const Granted granted = attach(pool, wish);
    const char word = granted.reply.granted != 0 ? 'y' : 'n';
    (void)!write(ends.second.fd(), &word, 1);
    // A look at the session for the parent: told when it is lost, without a share in it.
    pollfd session{granted.session.get(), POLLIN, 0};
    if (granted.session.valid()) {
      poll(&session, 1, -1);
      (void)!write(ends.second.fd(), "l", 1);
    }
    for (;;) pause();
  }
  char word = 'n';
  (void)!read(ends.first.fd(), &word, 1);
  granted_ = word == 'y';
  session_ = ends.first.take_fd();
}

void Program::end() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(std::exchange(pid_, -1), nullptr, 0);
}

bool Program::lost() const {
  pollfd told{session_.get(), POLLIN, 0};
  return poll(&told, 1, 2000) == 1;
}

}  // namespace sluice::test
