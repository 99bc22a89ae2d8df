// A whole exchange between the client core and a worker that have nothing in common but memory: wake-ups are messages,
// no descriptor passes, and the worker's clock is another. The worker is the test's; tests/daemon/worker has the same
// with the real one.
#include "remote_session.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "shim/staging.h"
#include "wire/ring.h"
#include "wire/timeline.h"

namespace sluice::test {
namespace {

template <typename T>
T copy_of(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof value);
  return value;
}

// Reads the ring, keeps buffers in memory of its own, and moves their bytes.
class RemoteWorker {
 public:
  explicit RemoteWorker(InProcessTransport& transport)
      : transport_(transport),
        arena_(transport.worker.arena),
        reader_(std::make_unique<wire::RingReader>(transport.worker.control, transport.worker.doorbell)),
        thread_([this] { run(); }) {}
  ~RemoteWorker() {
    over_.store(true);
    reader_->wake();
    thread_.join();
  }

 private:
  void run() {
    while (!over_.load()) {
      const auto command = reader_->next();
      if (!command.ok()) std::abort();
      if (command.value().empty()) reader_->wait();
      else take(command.value());
    }
  }

  void take(std::span<const std::byte> bytes) {
    switch (copy_of<wire::CommandHeader>(bytes).op) {
      case wire::Op::buffer_create: return create(copy_of<wire::BufferCreate>(bytes));
      case wire::Op::queue_create: {
        const auto command = copy_of<wire::QueueCreate>(bytes);
        timelines_[command.id] = arena_.slot<wire::TimelineSlot>(command.timeline_at);
        return;
      }
      case wire::Op::buffer_write: {
        const auto command = copy_of<wire::BufferWrite>(bytes);
        const std::span<const std::byte> data = command.arena_at == wire::no_offset
                                                    ? bytes.subspan(sizeof command, command.bytes)
                                                    : arena_.range(command.arena_at, command.bytes).value();
        std::copy(data.begin(), data.end(), buffers_[command.buffer].begin() + static_cast<long>(command.dst_offset));
        return end(command.enqueue);
      }
      case wire::Op::buffer_read: {
        const auto command = copy_of<wire::BufferRead>(bytes);
        std::copy_n(buffers_[command.buffer].begin() + static_cast<long>(command.src_offset), command.bytes,
                    arena_.range(command.arena_at, command.bytes).value().begin());
        return end(command.enqueue);
      }
      default: return;
    }
  }

  void create(const wire::BufferCreate& command) {
    buffers_[command.id].resize(command.bytes);
    wire::publish_reply(*arena_.slot<wire::ReplySlot>(command.call.reply_at), wire::Outcome::ok, 0,
                        transport_.worker.doorbell);
  }

  void end(const wire::EnqueueHeader& header) {
    const Nanoseconds now = transport_.worker_now_ns();
    if (header.event_at != wire::no_offset)
      wire::publish_event(*arena_.slot<wire::EventSlot>(header.event_at), wire::Outcome::ok, {now, now, now});
    wire::publish_completed(*timelines_.at(header.queue), reader_->control(), header.sequence,
                            transport_.worker.doorbell);
  }

  InProcessTransport& transport_;
  const wire::ArenaView arena_;
  const std::unique_ptr<wire::RingReader> reader_;
  std::map<wire::ObjectId, std::vector<std::byte>> buffers_;
  std::map<wire::ObjectId, wire::TimelineSlot*> timelines_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

TEST_CASE("bytes go to a worker across the seam and come back") {
  const RemoteSession remote;
  RemoteWorker worker(remote.transport);
  shim::Session& session = *remote.session;
  const auto lane = remote.make_lane();
  std::vector<std::byte> sent(100'000), received(sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::byte>(i * 7);
  const wire::ObjectId buffer = remote.make_buffer(sent.size());

  wire::BufferWrite write;
  write.buffer = buffer, write.bytes = sent.size();
  write.arena_at = session.progress().make_room(sent.size()).value();
  std::copy(sent.begin(), sent.end(), session.arena().at(write.arena_at));
  const shim::Posted written = post_observed(*lane, shim::raw(write, {}));
  shim::free_staged(*lane, written, write.arena_at);

  wire::BufferRead read;
  read.buffer = buffer, read.bytes = received.size();
  read.arena_at = session.progress().make_room(received.size()).value();
  const shim::Posted awaited = post_observed(*lane, shim::raw(read, {}));
  shim::deliver_staged(*lane, awaited, shim::RowCopy::plain(nullptr, received.data(), received.size()), read.arena_at,
                       true);
  REQUIRE(shim::wait_posted(*lane, awaited) == wire::Outcome::ok);
  CHECK(received == sent);
}

TEST_CASE("a worker across the seam answers thousands of times, and both sides sleep and wake by messages alone") {
  const RemoteSession remote;
  RemoteWorker worker(remote.transport);
  const auto lane = remote.make_lane();
  const wire::ObjectId buffer = remote.make_buffer(64);
  // How often a side falls asleep depends on the machine: on until it was often.
  const Nanoseconds patience_ns = now_ns() + 30 * ns_per_s;
  const auto slept_often = [&] { return remote.transport.wakes_received() > 20 || now_ns() > patience_ns; };
  for (int round = 0; round < 3'000 || !slept_often(); ++round) {
    const std::uint64_t value = static_cast<std::uint64_t>(round);
    wire::BufferWrite write;
    write.buffer = buffer, write.bytes = sizeof value, write.arena_at = wire::no_offset;
    const auto bytes = std::as_bytes(std::span(&value, 1));
    REQUIRE(shim::post(*lane, shim::raw(write, bytes), {}, {}, 0) != 0);
    if (round % 3 == 0) REQUIRE(lane->wait(lane->posted()));
    if (round % 50 == 0) ::usleep(300);  // longer than the polite spin: the worker falls asleep
  }
  REQUIRE(lane->wait(lane->posted()));
  CHECK(remote.transport.wakes_received() > 20);
}

TEST_CASE("the times of a command are on the program's clock, whatever the worker's shows") {
  const RemoteSession remote;
  RemoteWorker worker(remote.transport);
  check_times_of_command(remote);
}

TEST_CASE("a worker that goes away across the seam ends every wait") {
  const RemoteSession remote;
  const auto lane = remote.make_lane();
  auto worker = std::make_unique<RemoteWorker>(remote.transport);
  const wire::ObjectId buffer = remote.make_buffer(64);
  worker.reset();
  const std::uint64_t value = 1;
  wire::BufferWrite write;
  write.buffer = buffer, write.bytes = sizeof value, write.arena_at = wire::no_offset;
  REQUIRE(shim::post(*lane, shim::raw(write, std::as_bytes(std::span(&value, 1))), {}, {}, 0) != 0);
  std::thread other([&] { CHECK_FALSE(lane->wait(lane->posted())); });
  ::usleep(2'000);
  remote.transport.worker.channel->close();
  CHECK_FALSE(lane->wait(lane->posted()));
  other.join();
  CHECK(remote.session->lost());
  wire::BufferCreate command;
  command.id = remote.session->mint();
  CHECK(remote.session->call(command).outcome == wire::Outcome::device_lost);
}

}  // namespace
}  // namespace sluice::test
