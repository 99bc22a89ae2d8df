// Session: the client core that every front end stands on. It joins this process to the pool, mints ids, writes
// commands, waits for answers, and owns the arena's books.
//
// One session per process, made at the first API call that needs a device, never torn down: programs call from static
// destructors and atexit handlers, and from threads that outlive main. It holds one thread, which sleeps until the
// worker dies or kernels print. It never exits or kills. It prints what kernels print, on stdout, and on stderr one
// line when there is no pool to join, or when the worker said why it ended the session. All methods are thread-safe.
//
// After fork, the child has no session: its first call joins anew, and objects that it inherited report loss.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "wire/arena.h"
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

// What a call brought back. data is empty unless the command has a variable answer.
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

class Progress;

class Session {
 public:
  // The process's session, joined at the first call. Null: there is no pool, or it refused; a line on stderr has said
  // why, once per process. A process that was refused asks again at the next call.
  static Session* get();
  // The process's session if it has one; never joins.
  static Session* existing();

  const wire::DeviceTraits& traits() const { return traits_; }
  const wire::AttachReply& grant() const { return grant_; }

  // A session on a connection that is there already, apart from the process's own; for front ends that reach their
  // worker by other ways than the tenant socket. Lives until the process ends.
  static Result<Session*> start(const wire::AttachReply& grant, wire::DeviceTraits traits, Connection connection);

  // True once the worker is gone. Nothing posted reaches anyone any more, and every wait returns.
  // Once it is true no method takes a lock.
  bool lost() const { return lost_.load(std::memory_order_acquire); }
  const std::atomic<bool>& lost_flag() const { return lost_; }

  // What the program has in flight.
  Progress& progress() { return *progress_; }

  wire::ObjectId mint() { return next_id_.fetch_add(1, std::memory_order_relaxed); }

  // In a forked child, for the session of its parent: it is lost here, and the child does not keep the worker alive.
  void abandon();

  // Writes what kernels have printed so far to this process's stdout, as it is now. To be called after seeing a
  // completion and before reporting it, if kernels may print. Blocks only as a write to that stdout does.
  void show_output();

  ~Session();

  // ---- commands ----
  wire::RingWriter& ring() { return *ring_; }
  wire::ControlPage& control() { return ring_->control(); }

  // Posts a command that trails nothing, filling in its header. False: lost.
  template <typename Command>
  bool post(Command command) {
    wire::CommandHeader& header = header_of(command);
    header.op = Command::op;
    header.bytes = sizeof command;
    return !lost() && ring_->post(std::as_bytes(std::span(&command, 1)));
  }

  // Sends a call and waits for its answer. `data_room`: bytes to set aside for a variable answer; if the answer is
  // larger, the call is sent again with enough. Waits while other calls' answers have the room. Outcome::device_lost if
  // the worker is gone.
  template <typename Command>
  Answer call(Command command, std::size_t data_room = 0) {
    command.call.header.op = Command::op;
    command.call.header.bytes = sizeof command;
    return call_bytes(std::as_writable_bytes(std::span(&command, 1)), data_room);
  }

  // How threads of this process sleep until the worker wakes them.
  wire::Doorbell doorbell() const { return doorbell_; }
  // By which the worker tells times.
  const wire::PeerClock& worker_clock() const { return worker_clock_; }

  // ---- the arena ----
  std::byte* arena_at(std::uint64_t at) { return arena_.data() + at; }
  // The other way round; nothing if not all of the range lies in the arena.
  std::optional<std::uint64_t> place_of(const void* memory, std::size_t bytes) const;
  // Offset in the arena, or nothing if it is full.
  std::optional<std::uint64_t> allocate(std::uint64_t bytes,
                                        wire::ArenaAllocator::Use use = wire::ArenaAllocator::Use::beside);
  // As allocate, beside objects; but waits while answers that calls are waiting for have the room.
  std::optional<std::uint64_t> allocate_in_turn(std::uint64_t bytes);
  // The range must not be used by any command that has not completed.
  void release(std::uint64_t at);

  wire::TimelineSlot* make_timeline(std::uint64_t& at);  // zeroed; null: the arena is full
  void drop_timeline(std::uint64_t at);
  wire::EventSlot* make_event_slot(std::uint64_t& at);  // zeroed
  void drop_event_slot(std::uint64_t at);

 private:
  Session(const wire::AttachReply& grant, wire::DeviceTraits traits, Connection connection);
  static Result<Session*> join();
  static wire::CommandHeader& header_of(wire::CommandHeader& header) { return header; }
  template <typename Command>
  static wire::CommandHeader& header_of(Command& command) {
    if constexpr (requires { command.enqueue; }) return command.enqueue.header;
    else return command.header;
  }
  Answer call_bytes(std::span<std::byte> command, std::size_t data_room);
  wire::Outcome call_once(std::span<std::byte> command, std::size_t& data_room, std::vector<std::byte>& data);
  std::optional<std::uint64_t> allocate_in_turn(std::uint64_t bytes, std::size_t answers);
  void release_answer(std::uint64_t at);
  std::optional<std::uint64_t> make_slot();
  void drop_slot(std::uint64_t at);
  template <typename Slot>
  Slot* slot_at(std::uint64_t at) {
    return reinterpret_cast<Slot*>(arena_.data() + at);
  }
  void note(std::unordered_set<std::uint64_t>& slots, std::uint64_t at, bool in_use);
  Status start_watching();
  void watch_worker();  // the session's thread
  bool read_channel();  // false: the worker is gone
  bool show_some_output();
  void lose();

  wire::AttachReply grant_;
  wire::DeviceTraits traits_;
  wire::Region control_memory_, arena_;
  std::unique_ptr<wire::Channel> channel_;
  const wire::Doorbell doorbell_;
  const wire::PeerClock worker_clock_;
  std::optional<wire::RingWriter> ring_;
  std::atomic<wire::ObjectId> next_id_{1};
  std::atomic<bool> lost_{false};

  std::mutex output_mutex_;  // held from a read of output_ until what came is written
  UniqueFd output_;          // the read end of the pipe that is the worker's stdout

  std::mutex turns_;  // guards answers_
  std::condition_variable answer_released_;
  std::size_t answers_ = 0;  // that have room in the arena

  std::mutex books_;  // guards what follows
  wire::ArenaAllocator allocator_;
  std::uint64_t idle_resident_bytes_ = 0;        // released, still backed by pages
  std::vector<std::uint64_t> free_slots_;        // 64-byte slots, any kind
  std::unordered_set<std::uint64_t> timelines_;  // whom to wake when the worker is lost
  std::unordered_set<std::uint64_t> replies_;
  std::unique_ptr<Progress> progress_;
};

}  // namespace sluice::shim
