// Dispatcher: where hostile bytes become driver calls.
//
// One table row per command (dispatch.cpp). A command is copied out of the ring before it gets here; its handler checks
// every field of the copy, looks ids up by kind, and calls one backend verb. What the API could forbid (a wrong id, a
// range outside a buffer) ends that command with an outcome; what no working shim would send (a wrong length, an offset
// outside the arena, a number used twice) is a protocol fault and ends the session.
//
// All methods by one thread, the dispatcher's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "daemon/backends/backend.h"
#include "daemon/worker/builder.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/gate.h"
#include "daemon/worker/held_commands.h"
#include "daemon/worker/host_budget.h"
#include "daemon/worker/memory_books.h"
#include "daemon/worker/object_table.h"
#include "wire/arena.h"
#include "wire/commands.h"

namespace sluice::worker {

class Dispatcher {
 public:
  using Bytes = std::span<const std::byte>;

  // All outlive the dispatcher.
  Dispatcher(backend::Device& device, wire::ArenaView arena, MemoryBooks& books, Completions& completions,
             Builder& builder, Gate& gate, const HostLimits& limits = {});

  // One whole command. protocol_fault: the session is over.
  Status handle(Bytes command);

  // Submits what was held back, as far as it may go now. To be called when the gate may have opened.
  Status pump();
  // So much is held back that no more commands should be read.
  bool full() const { return held_.ready().size() >= HeldCommands::ready_max; }
  // Commands wait that go before any that is read now.
  bool holds_back() const { return !held_.ready().empty(); }
  // Ends all that is held back: the program is gone.
  void drop_held();

  // Sees to it that all that was submitted will run. To be called before waiting for more commands.
  void flush();

  const ObjectTable& objects() const { return objects_; }

 private:
  struct Row;
  static const Row* row_of(std::uint16_t op);

  // What trails a command: wait list, then data.
  struct Trail {
    std::vector<ObjectId>& waits;
    Bytes data;
  };
  // The buffers that a command names, or the outcome that ends it.
  struct Place {
    backend::Memory* memory = nullptr;
    Outcome outcome = Outcome::ok;
  };
  struct Cost {
    Work work = Work::other;
    std::uint64_t bytes = 0;
  };

  // The command that its handler is called for, as the gate has let it through.
  struct Running {
    const StartedCommand* started = nullptr;  // it was held
    const LaunchPiece* piece = nullptr;       // only this piece of it
    std::uint64_t piece_items = 0;            // in all dimensions
    bool last = true;                         // of its pieces
    LengthKey length;
    Nanoseconds estimate_ns = 0;
    bool admitted = false;  // and nothing has taken that over yet
    bool failed = false;    // what was tried was not accepted
  };

  // Memory of the arena that a command names; nothing: outside of it.
  std::optional<std::span<std::byte>> memory_at(std::uint64_t at, std::uint64_t bytes) const;

  // objects (dispatch_objects.cpp)
  Status buffer_create(Bytes bytes);
  Status sub_buffer_create(Bytes bytes);
  Status image_create(Bytes bytes);
  Status sampler_create(Bytes bytes);
  Status queue_create(Bytes bytes);
  Status user_event_create(Bytes bytes);
  Status user_event_set(Bytes bytes);
  Status object_release(Bytes bytes);
  Result<ReplyPlace> reply_place(const wire::CallHeader& call) const;
  Outcome make_buffer(const wire::BufferCreate& command, std::span<std::byte> host, MemoryEntry& entry);
  Outcome make_image(const wire::ImageCreate& command, MemoryEntry& entry);
  Outcome image_home(const wire::ImageCreate& command, const MemoryEntry& entry, std::span<std::byte>& host) const;
  bool offers_format(const wire::ImageCreate& command) const;
  Status drop(MemoryEntry& entry);
  void drop(QueueEntry& entry);

  // programs and kernels (dispatch_programs.cpp)
  Status program_build(Bytes bytes);
  Status program_binary(Bytes bytes);
  Status kernel_create(Bytes bytes);
  Status kernel_argument_check(Bytes bytes);
  Status kernel_launch(Bytes bytes);
  bool decode_argument(Bytes& data, backend::ArgumentRef& argument, Outcome& outcome);
  bool decode_pointer(Bytes value, backend::ArgumentRef& argument) const;
  bool decode_object(Bytes id_bytes, backend::ArgumentRef& argument, Outcome& outcome);

  // transfers (dispatch_transfers.cpp)
  Status buffer_write(Bytes bytes);
  Status buffer_read(Bytes bytes);
  Status buffer_copy(Bytes bytes);
  Status buffer_fill(Bytes bytes);
  Status buffer_write_rect(Bytes bytes);
  Status buffer_read_rect(Bytes bytes);
  Status buffer_copy_rect(Bytes bytes);
  Status image_write(Bytes bytes);
  Status image_read(Bytes bytes);
  Status image_copy(Bytes bytes);
  Status image_fill(Bytes bytes);
  Status image_to_buffer(Bytes bytes);
  Status buffer_to_image(Bytes bytes);
  Status marker(Bytes bytes);
  Status barrier(Bytes bytes);
  Place buffer_range(ObjectId id, std::uint64_t offset, std::uint64_t bytes);
  Place buffer_rows(ObjectId id, const backend::BufferRows& rows);
  Place image_box(ObjectId id, const wire::Box& origin, const wire::Box& region, std::uint64_t* bytes = nullptr);

  // Copies the fixed part out and takes the wait list off the trailing bytes. False: too short.
  template <typename Command>
  bool decode(Bytes bytes, Command& command, Trail& trail);

  // The way of an enqueued command (dispatch_held.cpp): at once to its handler if it may go to the device now, else it
  // gets its place in its queue and is held, and its handler is called when it may.
  Status handle_enqueued(const Row& row, Bytes command);
  Status handle_release(const Row& row, Bytes command);
  Status run(const Row& row, Bytes command, const Running& running);
  Status run_next(bool& gone);
  Status hold(Bytes command, const LengthKey& length, bool blocked);
  Status settle();
  bool is_blocked(const QueueEntry& queue, wire::Op op);
  bool still_blocked(const HeldCommand& held);
  bool read_waits(const Row& row, Bytes command, std::uint32_t count);
  static LengthKey length_of(wire::Op op, Bytes command);
  Nanoseconds estimate_of(wire::Op op, Bytes command, const LengthKey& length) const;
  CutLaunch cut_of(const HeldCommand& held);

  // Gives the command its place in its queue, unless it has it, then submits it with `submit(Submission)`, unless
  // `outcome` says that it is wrong already. `owned`: data that must live until it has ended.
  template <typename Submit>
  Status enqueue(const wire::EnqueueHeader& header, Outcome outcome, Cost cost, Submit submit,
                 std::unique_ptr<std::byte[]> owned = nullptr);
  Result<StartedCommand> start(const wire::EnqueueHeader& header);
  InFlight& part_for(InFlight& command);
  Outcome collect_waits();
  void note_unflushed(QueueEntry& queue);

  backend::Device& device_;
  wire::ArenaView arena_;
  MemoryBooks& books_;
  Completions& completions_;
  Builder& builder_;
  Gate& gate_;
  ObjectTable objects_;
  HeldCommands held_;
  bool waiting_ = false;  // the gate knows that there are ready ones
  Running running_;
  std::vector<QueueEntry*> unflushed_;
  std::uint32_t since_flush_ = 0;
  // Reused from command to command, so that none allocates.
  std::vector<ObjectId> waits_;
  std::vector<backend::Event*> wait_events_;
  std::vector<backend::ArgumentRef> arguments_;
};

// A protocol fault, said in words for the log.
Status fault(std::string_view why);

}  // namespace sluice::worker
