// Scheduler: which command goes to the device, and when.
//
// A command that goes to no queue is carried out at once. An enqueued one is, too, where the gate lets it through and
// nothing goes before it; else it gets its place in its queue and is held, whole, until it may go. Long launches go in
// pieces. A release waits for the held commands that need the object.
//
// All methods by one thread, the command thread's.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "daemon/worker/command.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/executor.h"
#include "daemon/worker/gate.h"
#include "daemon/worker/held_commands.h"
#include "daemon/worker/object_table.h"

namespace sluice::worker {

class Scheduler {
 public:
  // All outlive the scheduler. blocked_bytes_max: of commands that wait for events that the program has not set.
  Scheduler(Executor& executor, ObjectTable& objects, Completions& completions, Gate& gate,
            std::uint64_t blocked_bytes_max)
      : executor_(executor), objects_(objects), completions_(completions), gate_(gate), held_(blocked_bytes_max) {}

  // The program's next command. protocol_fault: the session is over.
  Status take(const Command& command);

  // Submits what was held back, as far as it may go now. To be called when the gate may have opened.
  Status pump();
  // So much is held back that no more commands should be read.
  bool full() const { return held_.ready().size() >= HeldCommands::ready_max; }
  // Commands wait that go before any that is read now.
  bool holds_back() const { return !held_.ready().empty(); }
  // What is held back, of which no piece runs; false: a piece does.
  const HeldCommands& held() const { return held_; }
  bool held_are_quiet() const;
  std::size_t held_started() const;  // that have a place in their queue

  // A command that another worker held back; they come in the order of its lists, first of the ready ones and then of
  // the blocked ones. `started`: what its queue gave it here; none for a release. Only before the first pump().
  Status take_held(const Command& command, const StartedCommand& started, const CutLaunch& cut);
  // All of them are there.
  void sort_held();

  // Ends all that is held back: the program is gone.
  void drop_held();

 private:
  Status enqueue(const Command& command, const wire::EnqueueHeader& header);
  Status release(const Command& command, const wire::ObjectRelease& release);
  Status hold(const Command& command, const wire::EnqueueHeader& header, const DurationKey& key, bool blocked);
  SubmitResult submit(const Command& command, const Part& part);
  bool run_next(Status& status);
  bool submit_next(HeldCommand& next, Status& status);

  Nanoseconds estimate_of(const Command& command, const DurationKey& key) const;
  bool has_room_for_data(const Command& command) const { return completions_.has_room(command.data.size()); }

  bool is_blocked(const QueueEntry& queue, const Command& command);
  bool still_blocked(const HeldCommand& held);
  void note_blocked(HeldCommand& held, bool blocked);
  Status settle();

  Executor& executor_;
  ObjectTable& objects_;
  Completions& completions_;
  Gate& gate_;
  HeldCommands held_;
  bool waiting_ = false;  // the gate knows that there are ready ones
};

}  // namespace sluice::worker
