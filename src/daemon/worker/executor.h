// Executor: carries commands out: looks ids up by kind in the object table and calls one verb of the backend.
//
// What the API could forbid (a wrong id, a range outside a buffer) ends that command with an outcome; what no working
// shim would send ends the session. Its parts have one subject each; this is where a command finds its part.
//
// All methods by one thread, the command thread's.
#pragma once

#include "base/status.h"
#include "daemon/worker/command.h"
#include "daemon/worker/enqueuer.h"
#include "daemon/worker/executor_context.h"
#include "daemon/worker/executor_launches.h"
#include "daemon/worker/executor_objects.h"
#include "daemon/worker/executor_programs.h"
#include "daemon/worker/executor_transfers.h"

namespace sluice::worker {

class Executor {
 public:
  explicit Executor(const ExecutorContext& context)
      : to_(context),
        enqueuer_(context),
        object_part_(context),
        program_part_(context),
        transfer_part_(context, enqueuer_),
        launch_part_(context, enqueuer_) {}
  // The parts refer to each other.
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // A command that goes to no queue.
  Status execute(const Command& command);

  // As ProgramExecutor::rebuild.
  Status rebuild(const wire::ProgramBuild& build, std::span<const std::byte> request) {
    return program_part_.rebuild(build, request);
  }

  // An enqueued command, or a piece of it.
  SubmitResult submit(const Command& command, const Part& part);
  // Gives an enqueued command its place in its queue, ahead of its submission.
  Result<StartedCommand> start(const wire::EnqueueHeader& header) { return enqueuer_.start(header); }
  // Ends a command that was started and will not be submitted.
  void abandon(const StartedCommand& started);

  // Sees to it that all that was submitted will run.
  void flush() { enqueuer_.flush(); }

  // Which pieces a launch may be cut into.
  CutLaunch cut_of(const Command& command, const QueueEntry& queue) const;

 private:
  ExecutorContext to_;
  Enqueuer enqueuer_;
  ObjectExecutor object_part_;
  ProgramExecutor program_part_;
  TransferExecutor transfer_part_;
  LaunchExecutor launch_part_;
};

}  // namespace sluice::worker
