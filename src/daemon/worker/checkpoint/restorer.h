// Restorer: makes a session of a checkpoint, in a worker that has served none.
//
// A checkpoint comes from a worker, which is hostile: each command of it goes through the decoder and the executor,
// like a program's, and is charged like one. What it can do wrong hurts the session that it is of, and this worker's
// process.
//
// On the thread that will be the command thread, before it reads the ring.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "daemon/worker/checkpoint/checkpoint.h"
#include "daemon/worker/decoder.h"
#include "daemon/worker/executor.h"
#include "daemon/worker/executor_context.h"
#include "daemon/worker/scheduler.h"

namespace sluice::worker {

class Restorer {
 public:
  // What `to` refers to, and the others, outlive the restorer. `replays`: is what to.replays points to.
  Restorer(const ExecutorContext& to, Executor& executor, Scheduler& scheduler, bool& replays)
      : decoder_(to.arena), to_(to), executor_(executor), scheduler_(scheduler), replays_(replays) {}

  // Makes the objects that are not there yet, and lets go of those that are not named. Programs are built several at a
  // time. May come again with a later list. protocol_fault: malformed. unsupported: one cannot be made here,
  // and which. deadline_exceeded: a program is still being built.
  Status make(const std::vector<CheckpointObject>& objects, Nanoseconds deadline_ns);

  // Queues, events and what was held back. REQUIRES: make() has made the checkpoint's objects. Once.
  Status go_on(const Checkpoint& checkpoint);

 private:
  // Decodes the command that makes the object into command_; its id.
  Result<ObjectId> decode(const CheckpointObject& object);
  Status make_each(const std::vector<CheckpointObject>& objects, bool programs, Nanoseconds deadline_ns);
  Status make_one(const CheckpointObject& object, ObjectId id, Nanoseconds deadline_ns);
  Status build(const CheckpointObject& object, const wire::ProgramBuild& build, Nanoseconds deadline_ns);
  Status await(ObjectId program, Nanoseconds deadline_ns);
  Status complete(const CheckpointObject& object, ObjectId id, Nanoseconds deadline_ns);
  Status complete_program(const CheckpointObject& object, ObjectId id, Nanoseconds deadline_ns);
  Status release(ObjectId id);
  Status resume(const CheckpointQueue& queue);
  Status take_held(const std::vector<CheckpointHeld>& held);
  Result<StartedCommand> start(const Command& command);
  Result<CutLaunch> cut_of(const Command& command, const StartedCommand& started, const CheckpointHeld& held);

  CommandDecoder decoder_;
  Command command_;  // the decoder's last
  ExecutorContext to_;
  Executor& executor_;
  Scheduler& scheduler_;
  bool& replays_;
  std::unordered_map<ObjectId, bool> made_;  // from the checkpoint; released since?
};

}  // namespace sluice::worker
