// How a worker lives and dies: idle, when its program goes, when its daemon goes, when a kernel goes wild.
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "rig.h"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

std::string field_of(const fs::path& status, const std::string& name) {
  std::ifstream file(status);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name)) return line.substr(name.size());
  return "";
}

std::uint64_t resident_kib(const Worker& worker) {
  return std::stoull(field_of("/proc/" + std::to_string(worker.pid()) + "/status", "VmRSS:"));
}

// How often the worker's threads have gone to sleep so far.
std::uint64_t switches(const Worker& worker) {
  std::uint64_t sum = 0;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(worker.pid()) + "/task"))
    sum += std::stoull(field_of(task.path() / "status", "voluntary_ctxt_switches:"));
  return sum;
}

// True as soon as what was begun is done: no thread woke up for 200 ms.
bool settles(const Worker& worker) {
  for (int looks = 0; looks < 100; ++looks) {
    const std::uint64_t before = switches(worker);
    usleep(200'000);
    if (switches(worker) == before) return true;
  }
  return false;
}

bool exited_with(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

TEST_CASE("a worker with its driver loaded stays below 60 MiB") {
  Worker worker;
  CHECK(resident_kib(worker) < 60 * 1024);
}

TEST_CASE("nothing wakes a worker that has nothing to do") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  worker.enqueue(queue, wire::Marker{});
  REQUIRE(worker.finish(queue));
  REQUIRE(settles(worker));
  const std::uint64_t before = switches(worker);
  usleep(2'000'000);
  CHECK(switches(worker) == before);
}

TEST_CASE("a worker without a session goes with its daemon") {
  Worker worker;
  worker.drop_link();
  CHECK(exited_with(worker.wait_for_exit(), 0));
}

TEST_CASE("a worker goes with its program, tells the daemon, and leaves no memory counted") {
  Worker worker;
  worker.attach();
  worker.make_buffer(1 << 20);
  worker.drop_session();
  const auto ended = worker.hear();
  REQUIRE(ended);
  CHECK(ended->kind == WorkerMessageKind::ended);
  CHECK(exited_with(worker.wait_for_exit(), 0));
  CHECK(worker.held_bytes() == 0);
}

TEST_CASE("a program that closes only its own half of the conversation is as good as gone") {
  Worker worker;
  worker.attach();
  REQUIRE(shutdown(worker.session_fd(), SHUT_WR) == 0);
  CHECK(exited_with(worker.wait_for_exit(), 0));
}

TEST_CASE("a worker goes with its program even while a kernel runs for ever") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const auto buffer = worker.make_buffer(64);
  const ObjectId program = worker.mint();
  REQUIRE(worker.build(program, "__kernel void spin(volatile __global int* a) { while (a[0] == 0) {} }").outcome ==
          Outcome::ok);
  Arguments arguments;
  arguments.object(buffer.id);
  wire::KernelLaunch launch;
  launch.kernel = worker.make_kernel(program, 0), launch.argument_count = 1;
  worker.enqueue(queue, launch, false, {}, arguments.data());
  usleep(300'000);
  CHECK(queue.timeline->completed == 0);
  const Nanoseconds before = now_ns();
  worker.drop_session();
  CHECK(exited_with(worker.wait_for_exit(), 0));
  CHECK(now_ns() - before < 5 * ns_per_s);
}

TEST_CASE("a broken ring ends the session with a reason") {
  Worker worker;
  worker.attach();
  wire::CommandHeader header{static_cast<wire::Op>(999), 0, sizeof header};
  REQUIRE(worker.ring().post(std::as_bytes(std::span(&header, 1))));
  const auto ended = worker.hear();
  REQUIRE(ended);
  CHECK(ended->kind == WorkerMessageKind::ended);
  CHECK(ended->text.find("unknown command 999") != std::string::npos);
  CHECK(exited_with(worker.wait_for_exit(), 1));
}

TEST_CASE("anything on the session socket ends the session, and the program hears why") {
  Worker worker;
  worker.attach();
  const std::vector<std::byte> garbage(1);
  REQUIRE(worker.session().send(garbage, {}, now_ns() + ns_per_s).ok());
  const auto ended = worker.hear();
  REQUIRE(ended);
  CHECK(ended->text.find("session socket") != std::string::npos);
  const auto told = worker.session().receive(now_ns() + ns_per_s);
  REQUIRE(told.ok());
  const auto notice = wire::decode_end_notice(told.value().bytes);
  REQUIRE(notice.ok());
  CHECK(std::string(notice.value().reason).find("session socket") != std::string::npos);
  CHECK(exited_with(worker.wait_for_exit(), 1));
}

TEST_CASE("a worker whose daemon says that the program is dead gives all back, although somebody holds its socket") {
  Worker worker;
  worker.attach();
  worker.make_buffer(1 << 20);
  worker.tell(WorkerMessageKind::program_gone);
  const auto ended = worker.hear();
  REQUIRE(ended);
  CHECK(ended->kind == WorkerMessageKind::ended);
  CHECK(exited_with(worker.wait_for_exit(), 0));
  CHECK(worker.held_bytes() == 0);
}

TEST_CASE("impossible positions in the ring end the session") {
  Worker worker;
  worker.attach();
  wire::ControlPage& control = worker.ring().control();
  control.written.store(UINT64_MAX - 7);
  control.reader_sleeps.store(0);
  wire::futex_wake_all(control.reader_sleeps);
  const auto ended = worker.hear();
  REQUIRE(ended);
  CHECK(ended->text.find("impossible") != std::string::npos);
  CHECK(exited_with(worker.wait_for_exit(), 1));
}

TEST_CASE("a kernel that writes out of bounds ends its worker, and both sides hear of it") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  const auto buffer = worker.make_buffer(64);
  const ObjectId program = worker.mint();
  REQUIRE(worker.build(program, "__kernel void wild(__global int* a) { a[1l << 44] = 1; }").outcome == Outcome::ok);
  Arguments arguments;
  arguments.object(buffer.id);
  wire::KernelLaunch launch;
  launch.kernel = worker.make_kernel(program, 0), launch.argument_count = 1;
  worker.enqueue(queue, launch, false, {}, arguments.data());
  const int status = worker.wait_for_exit();
  CHECK(WIFSIGNALED(status));
  CHECK_FALSE(worker.hear());
}

// ---- the daemon's death ----

// As a new daemon does.
wire::MessageSocket call_on(const Worker& worker) {
  auto link = wire::MessageSocket::connect(worker.adoption_socket_path());
  REQUIRE(link.ok());
  CHECK(link.value().peer().value().pid == worker.pid());
  return link.take();
}

TEST_CASE("an attached worker outlives its daemon and presents itself to the next one") {
  Worker worker;
  worker.attach();
  Queue queue = worker.make_queue();
  worker.drop_link();
  worker.enqueue(queue, wire::Marker{});
  REQUIRE(worker.finish(queue));
  REQUIRE(settles(worker));
  const std::uint64_t before = switches(worker);
  usleep(500'000);
  CHECK(switches(worker) == before);  // it waits without polling

  for (int daemon = 0; daemon < 2; ++daemon) {
    const wire::MessageSocket link = call_on(worker);
    auto claim = link.receive(now_ns() + 10 * ns_per_s);
    REQUIRE(claim.ok());
    const auto message = decode_worker_message(claim.value().bytes);
    REQUIRE(message.ok());
    CHECK(message.value().kind == WorkerMessageKind::adopt);
    CHECK(message.value().record.session_id == 99);
    REQUIRE(claim.value().fds.size() == adopt_fds);
    CHECK(wire::look_at_memory(claim.value().fds[adopt_fd_report].get()).value().identity ==
          wire::look_at_memory(worker.report_fd()).value().identity);
    worker.take_over(link);
    worker.enqueue(queue, wire::Marker{});
    REQUIRE(worker.finish(queue));
  }
  CHECK(worker.alive());
}

TEST_CASE("a daemon that connects and dies again does not keep the next one from adopting") {
  Worker worker;
  worker.attach();
  worker.drop_link();
  for (int daemon = 0; daemon < 3; ++daemon) call_on(worker).close();
  REQUIRE(call_on(worker).receive(now_ns() + 10 * ns_per_s).ok());
  CHECK(worker.alive());
}

TEST_CASE("a new daemon may refuse to take a session over") {
  Worker worker;
  worker.attach();
  worker.drop_link();
  const wire::MessageSocket link = call_on(worker);
  REQUIRE(link.receive(now_ns() + 10 * ns_per_s).ok());
  WorkerMessage refused;
  refused.kind = WorkerMessageKind::ended;
  refused.text = "no longer wanted";
  REQUIRE(link.send(encode_worker_message(refused), {}, now_ns() + ns_per_s).ok());
  CHECK(exited_with(worker.wait_for_exit(), 1));
}

TEST_CASE("a worker that is asked describes every device and leaves") {
  Worker::Setting setting;
  setting.arguments = {"--probe"};
  Worker worker(std::move(setting));
  CHECK(worker.traits().name != "");
  CHECK(exited_with(worker.wait_for_exit(), 0));
}

}  // namespace
}  // namespace sluice::test
