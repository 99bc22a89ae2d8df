// A worker's session and a program that have nothing in common but memory: wake-ups are messages, regions have no
// seals, no descriptor passes, and the worker's clock is another. Everything but the device is what users run.
#include <sys/eventfd.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <thread>

#include "daemon/worker/control.h"
#include "daemon/worker/session.h"
#include "fake_device.h"
#include "shim/staging.h"
#include "tests/shim/remote_session.h"
#include "wire/kernel_traits.h"
#include "wire/transport/futex.h"

namespace sluice::worker {
namespace {

SessionRecord record_of(const test::RemoteSession&) {
  SessionRecord record;
  record.control_bytes = wire::control_bytes;
  record.arena_bytes = test::RemoteSession::arena_bytes;
  record.bindings = {{0, 1}};
  return record;
}

// One worker's side: the session on a thread of its own, and the daemon's pages. Commands end when the worker comes to
// rest, at a time of the worker's clock.
class RemoteWorker {
 public:
  explicit RemoteWorker(test::InProcessTransport& transport, const SessionRecord& record) : transport_(transport) {
    terms_.memory_granted_bytes = test::RemoteSession::memory_bytes;
    device.traits_.buffers_in_arena = false;
    device.flushed = [this] { end_all(); };
    session_ = std::make_unique<AttachedSession>(device, record, AttachedSession::Limits(), make_connection(),
                                                 DaemonPages{terms_, report_, kick_.get()});
    thread_ = std::thread([this] { end_ = session_->serve(); });
  }
  ~RemoteWorker() { stop(); }

  // As when the daemon lets the session run.
  void grant() { grantor_.grant({}); }
  bool stop() {
    if (!thread_.joinable()) return given_back_;
    given_back_ = session_->stop(now_ns() + 10 * ns_per_s);
    thread_.join();
    return given_back_;
  }
  AttachedSession& session() { return *session_; }
  const metering::MeterPage& meter() const { return report_.meter; }
  const Status& end() const { return end_; }  // once stopped

  test::FakeDevice device;  // the command thread's while the session is served

 private:
  Connection make_connection() const {
    return {wire::Region(transport_.worker.control), wire::Region(transport_.worker.arena), transport_.worker.doorbell};
  }
  void end_all() {
    const Nanoseconds now = transport_.worker_now_ns();
    while (ended_ < device.commands.size()) device.complete(ended_++, wire::Outcome::ok, {now, now, now});
  }

  test::InProcessTransport& transport_;
  TermsPage terms_{};
  ReportPage report_{};
  UniqueFd kick_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  LeaseGrantor grantor_{terms_, report_};
  std::size_t ended_ = 0;
  std::unique_ptr<AttachedSession> session_;
  bool given_back_ = false;
  Status end_;
  std::thread thread_;
};

// Both ends of one session.
struct Pair {
  Pair() { worker.grant(); }
  test::RemoteSession program;
  RemoteWorker worker{program.transport, record_of(program)};
};

void write(shim::Lane& lane, wire::ObjectId buffer, std::uint64_t value) {
  wire::BufferWrite write;
  write.buffer = buffer, write.bytes = sizeof value, write.arena_at = wire::no_offset;
  REQUIRE(shim::post(lane, shim::raw(write, std::as_bytes(std::span(&value, 1))), {}, {}, 0) != 0);
}

TEST_CASE("a remote program's bytes go through decoder, scheduler and executor to the device, and come back") {
  Pair pair;
  shim::Session& session = *pair.program.session;
  const auto lane = pair.program.make_lane();
  std::vector<std::byte> sent(100'000), received(sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::byte>(i * 7);
  const wire::ObjectId buffer = pair.program.make_buffer(sent.size());

  wire::BufferWrite write;
  write.buffer = buffer, write.bytes = sent.size();
  write.arena_at = session.progress().make_room(sent.size()).value();
  std::copy(sent.begin(), sent.end(), session.arena().at(write.arena_at));
  shim::free_staged(*lane, test::post_observed(*lane, shim::raw(write, {})), write.arena_at);

  wire::BufferRead read;
  read.buffer = buffer, read.bytes = received.size();
  read.arena_at = session.progress().make_room(received.size()).value();
  const shim::Posted awaited = test::post_observed(*lane, shim::raw(read, {}));
  shim::deliver_staged(*lane, awaited, shim::RowCopy::plain(nullptr, received.data(), received.size()), read.arena_at,
                       true);
  REQUIRE(shim::wait_posted(*lane, awaited) == wire::Outcome::ok);
  CHECK(received == sent);
  REQUIRE(pair.worker.stop());
  CHECK(pair.worker.end().ok());
  CHECK(pair.worker.meter().bytes_in == sent.size());
  CHECK(pair.worker.meter().bytes_out == received.size());
}

TEST_CASE("a worker and a remote program sleep and wake by messages alone, thousands of times") {
  Pair pair;
  const auto lane = pair.program.make_lane();
  const wire::ObjectId buffer = pair.program.make_buffer(64);
  // How often a side falls asleep depends on the machine: on until it was often.
  const Nanoseconds patience_ns = now_ns() + 30 * ns_per_s;
  const auto slept_often = [&] { return pair.program.transport.wakes_received() > 20 || now_ns() > patience_ns; };
  for (int round = 0; round < 3'000 || !slept_often(); ++round) {
    write(*lane, buffer, static_cast<std::uint64_t>(round));
    if (round % 3 == 0) REQUIRE(lane->wait(lane->posted()));
    if (round % 50 == 0) ::usleep(300);  // longer than the polite spin: the worker falls asleep
  }
  REQUIRE(lane->wait(lane->posted()));
  CHECK(pair.program.transport.wakes_received() > 20);
}

TEST_CASE("the command thread and a build thread answer calls of a remote program that sleeps") {
  Pair pair;
  shim::Session& session = *pair.program.session;
  wire::Encoder encoder;
  encode(encoder, wire::BuildRequest{});
  const auto& request = encoder.bytes();
  for (int round = 0; round < 20; ++round) {
    ::usleep(1'000);                                              // the worker sleeps
    wire::spinning_pays.store(false, std::memory_order_relaxed);  // and so does the program, at once
    (void)pair.program.make_buffer(64);
    wire::ProgramBuild build;
    build.id = session.mint();
    build.request_at = session.progress().make_room(request.size()).value();
    build.request_bytes = request.size();
    std::copy(request.begin(), request.end(), session.arena().at(build.request_at));
    const shim::Answer answer = session.call(build, 4096);
    REQUIRE(answer.outcome == wire::Outcome::ok);
    wire::Decoder decoder(answer.data);
    CHECK(wire::decode_build_reply(decoder).log == std::string(100, 'x'));
  }
}

TEST_CASE("the daemon's grant of a lease wakes a worker that sleeps on a remote program's ring") {
  test::RemoteSession program;
  RemoteWorker worker(program.transport, record_of(program));
  const auto lane = program.make_lane();
  const wire::ObjectId buffer = program.make_buffer(64);
  write(*lane, buffer, 1);
  ::usleep(20'000);
  CHECK_FALSE(lane->idle());
  worker.grant();
  CHECK(lane->wait(lane->posted()));
}

TEST_CASE("the times of a real worker's commands are on the remote program's clock") {
  Pair pair;
  test::check_times_of_command(pair.program);
}

TEST_CASE("the session of a remote program gives all back, but for pages that nobody sealed") {
  Pair pair;
  (void)pair.program.make_buffer(4096);
  CHECK(pair.worker.meter().memory_bytes == 4096);
  std::byte& last = pair.program.transport.program.arena.back();
  last = std::byte{7};
  REQUIRE(pair.worker.stop());
  CHECK(pair.worker.meter().memory_bytes == 0);
  CHECK(last == std::byte{7});
}

TEST_CASE("a remote program does not share its addresses, and a worker says so") {
  Pair pair;
  CHECK(pair.program.session->control().arena_at_home == 0);
  CHECK(pair.program.session->traits().shared_virtual_memory == 0);
}

// ---- the channel ----

Control make_control(std::unique_ptr<wire::Channel> channel, wire::MessageSocket link, BuildWatch& builds) {
  AdoptionOffer offer{{},
                      [] { return std::array<int, adopt_fds>(); },
                      [] {},
                      [](auto) { return Status(); },
                      [](auto) { return Status(); }};
  return Control(DaemonLink(std::move(link), UniqueFd(), std::move(offer)), std::move(channel), builds);
}

TEST_CASE("the end of a remote program's channel is the end of its session") {
  auto [program, worker] = test::make_channel();
  auto link = wire::MessageSocket::pair().take();
  BuildWatch builds(BuildLimits::none());
  Control control = make_control(std::move(worker), std::move(link.first), builds);
  std::thread ending([&end = *program] {
    ::usleep(2'000);
    end.close();
  });
  CHECK(control.wait_for_end().ok());
  ending.join();
}

TEST_CASE("a worker tells a remote program over the channel why its session ends, and the program's waits end") {
  Pair pair;
  auto link = wire::MessageSocket::pair().take();
  Control control = make_control(std::move(pair.program.transport.worker.channel), std::move(link.first),
                                 pair.worker.session().builds());
  control.report(Status(Code::protocol_fault, "a test"));
  const Status end = control.wait_for_end();
  CHECK(end.message() == "a test");
  control.tell_program(end);
  const Nanoseconds deadline_ns = now_ns() + 10 * ns_per_s;
  while (!pair.program.session->lost() && now_ns() < deadline_ns) ::usleep(1'000);
  CHECK(pair.program.session->lost());
}

TEST_CASE("a remote program that speaks on its channel loses its session") {
  auto [program, worker] = test::make_channel();
  auto link = wire::MessageSocket::pair().take();
  BuildWatch builds(BuildLimits::none());
  Control control = make_control(std::move(worker), std::move(link.first), builds);
  const std::byte word{1};
  REQUIRE(program->send(std::span(&word, 1), now_ns() + ns_per_s).ok());
  CHECK(control.wait_for_end().code() == Code::protocol_fault);
}

}  // namespace
}  // namespace sluice::worker
