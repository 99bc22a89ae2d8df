// Session: the client core that every front end stands on. It joins this process to the pool, mints ids, writes
// commands and waits for answers; the arena's books (session_arena.h), what is in flight (progress.h) and the program's
// callbacks (callback_thread.h) are its parts.
//
// One session per process, made at the first API call that needs a device, never torn down: programs call from static
// destructors and atexit handlers, and from threads that outlive main. It holds one thread, which sleeps until the
// worker dies or kernels print, and one for callbacks once there are some. It never exits or kills. It prints what
// kernels print, on stdout, and on stderr one line when there is no pool to join, or when the worker said why it ended
// the session. All methods are thread-safe.
//
// After fork, the child has no session: its first call joins anew, and objects that it inherited report loss.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "shim/kernel_output.h"
#include "shim/session_arena.h"
#include "wire/commands.h"
#include "wire/device_traits.h"
#include "wire/handshake.h"
#include "wire/outcome.h"
#include "wire/ring.h"
#include "wire/timeline.h"
#include "wire/transport/channel.h"
#include "wire/transport/doorbell.h"
#include "wire/transport/peer_clock.h"
#include "wire/transport/region.h"

namespace sluice::shim {

// The result of a call. data is empty unless the command has a variable answer.
struct Answer {
  wire::Outcome outcome = wire::Outcome::internal;
  std::vector<std::byte> data;
};

// What joins a session to its worker. Sessions between processes of one machine leave the last two as they are.
struct Connection {
  wire::Region control, arena;
  std::unique_ptr<wire::Channel> channel;
  UniqueFd output;  // what kernels print can be read here, without blocking
  wire::Doorbell doorbell;
  wire::PeerClock worker_clock;
};

class CallbackThread;
class Progress;

class Session {
 public:
  // The process's session, joined at the first call. Null: there is no pool, or it refused; a line on stderr has said
  // why, once per process. A process that was refused asks again at the next call.
  static Session* get();
  // The process's session if it has one; never joins.
  static Session* existing();
  // A session on a connection that is there already, beside the process's own; for front ends that do not reach their
  // worker by the tenant socket. Lives until the process ends.
  static Result<Session*> start(const wire::AttachReply& grant, wire::DeviceTraits traits, Connection connection);
  ~Session();

  const wire::DeviceTraits& traits() const { return traits_; }
  const wire::AttachReply& grant() const { return grant_; }

  // True once the worker is gone. Then nothing that is posted reaches a worker, and every wait returns. Once it is true
  // no method takes a lock.
  bool lost() const { return lost_.load(std::memory_order_acquire); }
  const std::atomic<bool>& lost_flag() const { return lost_; }
  // In a forked child, for a session that it inherited: it is lost here, the child does not keep the worker alive, and
  // the child has none of the session's threads. Before the child has threads.
  void abandon();

  SessionArena& arena() { return arena_; }
  Progress& progress() { return *progress_; }
  CallbackThread& callbacks() { return *callbacks_; }
  // How threads of this process sleep until the worker wakes them.
  wire::Doorbell doorbell() const { return doorbell_; }
  // The clock that the worker tells times by.
  const wire::PeerClock& worker_clock() const { return worker_clock_; }

  // Writes what kernels have printed so far to this process's stdout, as it is now. To be called after seeing a
  // completion and before reporting it, if kernels may print. Blocks only as a write to that stdout does.
  void show_output() {
    if (!lost()) output_.show();
  }

  // An id for an object of this session; never reused.
  wire::ObjectId mint() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
  wire::RingWriter& ring() { return ring_; }
  wire::ControlPage& control() { return ring_.control(); }

  // Posts a command that trails nothing, filling in its header. Blocks while the ring is full. False: lost.
  template <typename Command>
  bool post(Command command) {
    command.header.op = Command::op;
    command.header.bytes = sizeof command;
    return !lost() && ring_.post(std::as_bytes(std::span(&command, 1)));
  }

  // Sends a call and blocks until it is answered. `data_room`: bytes to set aside for a variable answer; if the answer
  // is larger, the call is sent again with enough. Waits while other calls' answers hold the room.
  // Outcome::device_lost if the worker is gone.
  template <typename Command>
  Answer call(Command command, std::size_t data_room = 0) {
    command.call.header.op = Command::op;
    command.call.header.bytes = sizeof command;
    return call_bytes(std::as_writable_bytes(std::span(&command, 1)), data_room);
  }

 private:
  Session(const wire::AttachReply& grant, wire::DeviceTraits traits, Connection connection);
  static Result<Session*> join();
  Answer call_bytes(std::span<std::byte> command, std::size_t data_room);
  wire::Outcome call_once(std::span<std::byte> command, std::size_t& data_room, std::vector<std::byte>& data);
  Status start_watching();
  void watch_worker();  // the session's thread
  bool read_channel();  // false: the worker is gone
  void lose();

  const wire::AttachReply grant_;
  wire::DeviceTraits traits_;
  std::atomic<bool> lost_{false};
  const wire::Region control_memory_;
  SessionArena arena_;
  const std::unique_ptr<wire::Channel> channel_;
  const wire::Doorbell doorbell_;
  const wire::PeerClock worker_clock_;
  KernelOutput output_;
  wire::RingWriter ring_;
  std::atomic<wire::ObjectId> next_id_{1};
  const std::unique_ptr<Progress> progress_;
  std::unique_ptr<CallbackThread> callbacks_;  // another only in a forked child
};

}  // namespace sluice::shim
