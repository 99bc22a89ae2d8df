// What a session is made of, as a checkpoint. On the command thread, between two commands.
#pragma once

#include "daemon/worker/checkpoint/checkpoint.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/object_table.h"
#include "daemon/worker/scheduler.h"

namespace sluice::worker {

// Every object that can be made again by now: programs that are being built, and what is made from them, are left out.
std::vector<CheckpointObject> write_objects(const ObjectTable& objects);

// Queues, events and what is held back, of a session at rest. The rest of the checkpoint stays as it is.
// REQUIRES: Completions::at_rest().
void write_progress(const ObjectTable& objects, const Scheduler& scheduler, Checkpoint& checkpoint);

}  // namespace sluice::worker
