// A worker process with nobody real around it: the rig plays the daemon on the link and the shim on the ring.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/metering/meter_page.h"
#include "daemon/sessions/lease.h"
#include "daemon/sessions/memory_grant.h"
#include "daemon/sessions/move_page.h"
#include "daemon/sessions/worker_link.h"
#include "wire/arena.h"
#include "wire/commands.h"
#include "wire/handshake.h"
#include "wire/kernel_traits.h"
#include "wire/ring.h"
#include "wire/timeline.h"
#include "wire/transport/message_socket.h"
#include "wire/transport/shared_memory.h"

namespace sluice::test {

using wire::ObjectId;
using wire::Outcome;

// A folder that goes with its object.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Posted {
  std::uint64_t sequence = 0;
  ObjectId event = 0;
  wire::EventSlot* slot = nullptr;
};

class Queue {
 public:
  ObjectId id = 0;
  std::uint64_t sequence = 0;
  wire::TimelineSlot* timeline = nullptr;
};

class Worker {
 public:
  struct Setting {
    std::vector<std::string> arguments;  // beyond those that every worker gets
    std::map<std::string, std::string> environment;
    std::uint64_t memory_bytes = 256ull << 20;
    std::string cache_folder;
    LeaseTerms lease;            // granted before the worker is attached
    bool grants_at_once = true;  // later on, whenever the worker wants one; false: the test does it
  };

  // For a worker on rusticl; others are on PoCL.
  static Setting on_rusticl();

  // Starts the process and waits until it is Ready.
  explicit Worker(Setting setting);
  Worker() : Worker(Setting{}) {}
  // Kills what is left.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void attach();

  // ---- moves ----

  // As the daemon: tells both to move the session from `source` to this worker, which serves none.
  MoveWord begin_move(Worker& source);
  // What the program has of the session, from the worker that served it.
  void take_program_from(Worker& source);
  // All of it: the session is here afterwards, and `source` has ended.
  MoveReport move_from(Worker& source);

  // ---- as the daemon ----
  pid_t pid() const { return pid_; }
  const wire::DeviceTraits& traits() const { return traits_; }
  LeaseGrantor& lease() { return *lease_; }
  TermsPage& terms() { return *reinterpret_cast<TermsPage*>(terms_.data()); }
  ReportPage& report() { return *reinterpret_cast<ReportPage*>(report_.data()); }
  metering::MeterPage& meter() { return report().meter; }
  std::uint64_t held_bytes() { return meter().memory_bytes; }
  int report_fd() const { return report_.fd(); }
  // As a new daemon that the worker has told what it serves: sends it a page of its own.
  void take_over(const wire::MessageSocket& link);
  std::string adoption_socket_path() const { return runtime_.path() + "/adoption.sock"; }
  // The next message on the link, or nothing if the worker closed it.
  std::optional<WorkerMessage> hear();
  void tell(WorkerMessageKind kind);
  void drop_link() { link_.close(); }
  // Waits for its end; the exit status as waitpid tells it.
  int wait_for_exit();
  bool alive() const;

  // ---- as the shim ----
  ObjectId mint() { return next_id_++; }
  wire::RingWriter& ring() { return *ring_; }
  std::byte* at(std::uint64_t offset) { return arena_.data() + offset; }
  std::uint64_t allocate(std::uint64_t bytes);
  template <typename Slot>
  Slot* make_slot(std::uint64_t& offset) {
    offset = allocate(sizeof(Slot));
    std::memset(at(offset), 0, sizeof(Slot));
    return reinterpret_cast<Slot*>(at(offset));
  }
  void drop_session() { session_.close(); }
  int session_fd() const { return session_.fd(); }
  const wire::MessageSocket& session() const { return session_; }
  // Where what kernels print comes out. Reading it waits for it.
  const UniqueFd& output() const { return output_; }

  template <typename Command>
  void post(Command command) {
    auto* header = reinterpret_cast<wire::CommandHeader*>(&command);
    header->op = Command::op;
    header->bytes = sizeof command;
    REQUIRE(ring_->post(std::as_bytes(std::span(&command, 1))));
  }
  template <typename Command>
  Outcome call(Command command, std::vector<std::byte>* data = nullptr, std::size_t room = 1 << 20) {
    std::uint64_t slot_at = 0;
    auto* slot = make_slot<wire::ReplySlot>(slot_at);
    command.call.reply_at = slot_at;
    command.call.data_bytes = data != nullptr ? room : 0;
    command.call.data_at = data != nullptr ? allocate(room) : 0;
    post(command);
    return answer(*slot, command.call, data);
  }
  template <typename Command>
  Posted enqueue(Queue& queue, Command command, bool with_event = false, std::vector<ObjectId> waits = {},
                 std::span<const std::byte> trailing = {}) {
    Posted posted{++queue.sequence, 0, nullptr};
    command.enqueue.queue = queue.id;
    command.enqueue.sequence = posted.sequence;
    if (with_event) {
      posted.event = command.enqueue.event = mint();
      posted.slot = make_slot<wire::EventSlot>(command.enqueue.event_at);
      posted.slot->stage = static_cast<std::int32_t>(wire::EventStage::queued);
      posted.slot->queued_ns = now_ns();
    }
    std::vector<std::byte> padded(trailing.begin(), trailing.end());
    padded.resize((padded.size() + 7) / 8 * 8);
    command.enqueue.wait_count = static_cast<std::uint32_t>(waits.size());
    command.enqueue.header.op = Command::op;
    command.enqueue.header.bytes = static_cast<std::uint32_t>(sizeof command + waits.size() * 8 + padded.size());
    REQUIRE(ring_->post(std::as_bytes(std::span(&command, 1)), std::as_bytes(std::span(waits)), padded));
    return posted;
  }

  Queue make_queue(bool out_of_order = false);
  // A buffer, in the arena if the device works there.
  struct Buffer {
    ObjectId id = 0;
    std::uint64_t arena_at = wire::no_offset;
    std::uint64_t bytes = 0;
  };
  Outcome make_buffer(std::uint64_t bytes, Buffer& buffer);
  Buffer make_buffer(std::uint64_t bytes);
  wire::BuildReply build(ObjectId id, const wire::BuildRequest& request);
  wire::BuildReply build(ObjectId id, const std::string& source, const std::string& options = "");
  // Without waiting for the answer.
  void post_build(ObjectId id, const std::string& source);
  ObjectId make_kernel(ObjectId program, std::uint32_t index);
  void release(ObjectId id);
  // False: not within ten seconds.
  bool finish(Queue& queue) { return reached(queue, queue.sequence); }
  bool reached(Queue& queue, std::uint64_t sequence);

 private:
  void make_pages();
  SessionRecord record() const;
  wire::ProgramBuild build_command(ObjectId id, const wire::BuildRequest& request);
  Outcome answer(wire::ReplySlot& slot, const wire::CallHeader& call, std::vector<std::byte>* data);
  void grant_at_once(const std::stop_token& stop);
  void answer_memory();

  Setting setting_;
  ScratchFolder runtime_;
  pid_t pid_ = -1;
  bool reaped_ = false;
  wire::MessageSocket link_, session_;
  wire::DeviceTraits traits_;
  wire::SharedMemory control_, arena_, report_, terms_;
  std::optional<LeaseGrantor> lease_;
  UniqueFd kick_, output_;
  std::jthread granting_;
  std::unique_ptr<wire::RingWriter> ring_;
  std::optional<wire::ArenaAllocator> allocator_;
  ObjectId next_id_ = 1;
  std::atomic<bool> lost_{false};
};

// Arguments of a launch, as they trail the command.
class Arguments {
 public:
  Arguments& object(ObjectId id);
  Arguments& bytes(std::span<const std::byte> value);
  template <typename T>
  Arguments& value(const T& value) {
    return bytes(std::as_bytes(std::span(&value, 1)));
  }
  Arguments& local(std::uint32_t bytes);
  std::span<const std::byte> data() const { return data_; }
  std::uint32_t count() const { return count_; }

 private:
  void add(wire::ArgumentValue value, std::uint32_t bytes, std::span<const std::byte> data);
  std::vector<std::byte> data_;
  std::uint32_t count_ = 0;
};

}  // namespace sluice::test
