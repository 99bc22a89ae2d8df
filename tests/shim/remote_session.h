// A program's session over the in-process transport. The test brings the worker.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "shim/enqueue.h"
#include "shim/progress.h"
#include "shim/session.h"
#include "tests/wire/transport/in_process.h"
#include "wire/handshake.h"

namespace sluice::test {

// A session as a front end in a virtual machine would start it. Sessions live until the process ends, and so does this.
struct RemoteSession {
  static constexpr std::size_t arena_bytes = 64 << 20;
  static constexpr std::uint64_t memory_bytes = 32 << 20;
  static constexpr std::int64_t worker_ahead_ns = -3'600 * static_cast<std::int64_t>(ns_per_s);

  RemoteSession() : transport(*new InProcessTransport(wire::control_bytes, arena_bytes, worker_ahead_ns)) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    output.reset(ends[1]);
    shim::Connection connection;
    connection.control = wire::Region(transport.program.control);
    connection.arena = wire::Region(transport.program.arena);
    connection.channel = std::move(transport.program.channel);
    connection.output.reset(ends[0]);
    connection.doorbell = transport.program.doorbell;
    connection.worker_clock = transport.worker_clock();
    wire::AttachReply grant;
    grant.granted = 1;
    grant.memory_bytes = memory_bytes;
    auto started = shim::Session::start(grant, {}, std::move(connection));
    REQUIRE(started.ok());
    session = started.value();
  }

  std::shared_ptr<shim::Lane> make_lane() const {
    wire::QueueCreate command;
    auto lane = session->progress().make_lane(false, command.timeline_at);
    REQUIRE(lane != nullptr);
    command.id = lane->queue();
    REQUIRE(session->post(command));
    return lane;
  }

  wire::ObjectId make_buffer(std::size_t bytes) const {
    wire::BufferCreate command;
    command.id = session->mint();
    command.bytes = bytes;
    REQUIRE(session->call(command).outcome == wire::Outcome::ok);
    return command.id;
  }

  InProcessTransport& transport;
  UniqueFd output;
  shim::Session* session = nullptr;
};

inline shim::Posted post_observed(shim::Lane& lane, const shim::RawCommand& command) {
  shim::Posted posted;
  posted.completion = shim::make_completion(lane.session()).value();
  posted.sequence = shim::post(lane, command, {}, posted.completion, 0);
  REQUIRE(posted.sequence != 0);
  return posted;
}

// A command of the session's program has its times on the program's clock, whatever the worker's shows. Some worker
// serves the session.
inline void check_times_of_command(const RemoteSession& program) {
  const auto lane = program.make_lane();
  const wire::ObjectId buffer = program.make_buffer(64);
  const Nanoseconds before_ns = now_ns();
  const auto completion = shim::make_completion(*program.session);
  shim::EventState event(*lane, *completion->slot, completion->slot_at);
  const std::uint64_t value = 1;
  wire::BufferWrite write;
  write.buffer = buffer, write.bytes = sizeof value, write.arena_at = wire::no_offset;
  event.posted_as(
      shim::post(*lane, shim::raw(write, std::as_bytes(std::span(&value, 1))), {}, *completion, event.id()));
  REQUIRE(event.wait() == shim::event_complete);
  const shim::EventTimes times = event.times();
  CHECK(before_ns <= times.queued_ns);
  CHECK(times.queued_ns <= times.submitted_ns);
  CHECK(times.ended_ns <= now_ns());
}

}  // namespace sluice::test
