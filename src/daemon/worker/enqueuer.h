// Enqueuer: what every enqueued command goes through on its way to the device.
//
// start() gives a command its place in its queue; submit() hands it, or a piece of it, to the backend, and ends it with
// an outcome where that is refused. All on the command thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "daemon/worker/command.h"
#include "daemon/worker/duration_estimator.h"
#include "daemon/worker/executor_context.h"
#include "daemon/worker/launch_cuts.h"

namespace sluice::worker {

// An enqueued command's place in its queue.
struct StartedCommand {
  QueueEntry* queue = nullptr;
  InFlight* command = nullptr;  // null: its queue does not exist
  EventEntry* event = nullptr;
};

// What of a command is submitted now: all of it, or a piece of a launch.
struct Part {
  const StartedCommand* started = nullptr;  // null: it has no place in its queue yet
  const LaunchPiece* piece = nullptr;       // null: all of it
  std::uint64_t piece_items = 0;            // in all dimensions
  bool last = true;                         // of its pieces
  DurationKey duration_key;
  Nanoseconds estimate_ns = 0;
  bool admitted = false;  // the gate counts it as in flight
};

struct SubmitResult {
  Status status;              // protocol_fault: the session is over
  bool ends_at_gate = false;  // its completion tells the gate of its end
  bool refused = false;       // it has ended, with an outcome that says why
};

// What a command does to the device, for the meter.
struct Cost {
  Work work = Work::other;
  std::uint64_t bytes = 0;
};

class Enqueuer {
 public:
  explicit Enqueuer(const ExecutorContext& context) : to_(context) {}

  // protocol_fault: a gap in the queue's sequence, an event's id that was used before, or too many in flight.
  Result<StartedCommand> start(const wire::EnqueueHeader& header);

  // Starts the command, unless it is, then calls `submit(Submission)`, which calls a verb of the backend, unless
  // `outcome` says that the command is wrong already. `owned`: data that must live until it has ended.
  template <typename Submit>
  SubmitResult submit(const wire::EnqueueHeader& header, const Command& command, const Part& part, Outcome outcome,
                      Cost cost, Submit submit, std::unique_ptr<std::byte[]> owned = nullptr) {
    Opened opened = open(header, command, part, outcome);
    if (opened.command == nullptr) return std::move(opened.result);
    opened.command->work = cost.work;
    opened.command->bytes = cost.bytes;
    if (owned != nullptr) to_.completions.keep(*opened.command, std::move(owned), cost.bytes);
    if (opened.outcome != Outcome::ok) return refuse(opened, opened.outcome);
    backend::Submitted submitted = submit(opened.submission);
    if (submitted.outcome != Outcome::ok) return refuse(opened, submitted.outcome);
    if (opened.submission.make_event) opened.event->event = std::move(submitted.event);
    note_unflushed(*opened.queue);
    return std::move(opened.result);
  }

  // Sees to it that all that was submitted will run.
  void flush();

 private:
  // A command, or a piece of it, between its place in the queue and the backend.
  struct Opened {
    SubmitResult result;
    QueueEntry* queue = nullptr;
    InFlight* command = nullptr;  // null: nothing to order, nobody to tell
    InFlight* part = nullptr;     // the command itself, or a piece of it that is not its last
    EventEntry* event = nullptr;
    Outcome outcome = Outcome::ok;
    backend::Submission submission;
  };
  Opened open(const wire::EnqueueHeader& header, const Command& command, const Part& part, Outcome outcome);
  void order(InFlight& in_flight, const Command& command);
  InFlight& in_flight_part(InFlight& command, const Part& part);
  SubmitResult refuse(Opened& opened, Outcome outcome);
  Outcome collect_waits(std::span<const ObjectId> waits);
  void note_unflushed(QueueEntry& queue);

  ExecutorContext to_;
  std::vector<QueueEntry*> unflushed_;
  std::uint32_t since_flush_ = 0;
  std::vector<backend::Event*> wait_events_;  // reused from command to command
};

}  // namespace sluice::worker
