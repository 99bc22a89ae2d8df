// CommandPath: a command's way from the ring to the backend: decoder, scheduler, executor.
//
// All methods by one thread, the command thread's.
#pragma once

#include <span>

#include "base/status.h"
#include "daemon/worker/checkpoint/restorer.h"
#include "daemon/worker/decoder.h"
#include "daemon/worker/executor.h"
#include "daemon/worker/host_budget.h"
#include "daemon/worker/scheduler.h"

namespace sluice::worker {

class CommandPath {
 public:
  // All outlive the path, and so does the arena's memory.
  CommandPath(backend::Device& device, wire::ArenaView arena, MemoryAccount& account, Completions& completions,
              Builder& builder, Gate& gate, const HostLimits& limits = {})
      : objects_(limits.objects),
        decoder_(arena),
        context_{device, arena, account, completions, builder, objects_, &replays_},
        executor_(context_),
        scheduler_(executor_, objects_, completions, gate, limits.blocked) {}

  // One whole command, copied out of the ring. protocol_fault: the session is over.
  Status handle(std::span<const std::byte> bytes) {
    SLUICE_TRY(decoder_.decode(bytes, command_));
    return scheduler_.take(command_);
  }
  // Sees to it that all that was submitted will run. To be called before waiting for more commands.
  void flush() { executor_.flush(); }

  Scheduler& scheduler() { return scheduler_; }
  const ObjectTable& objects() const { return objects_; }
  ObjectTable& objects() { return objects_; }

  // For a session that moves here, before its first command. The path outlives it.
  Restorer restorer() { return Restorer(context_, executor_, scheduler_, replays_); }

 private:
  ObjectTable objects_;
  CommandDecoder decoder_;
  Command command_;
  bool replays_ = false;
  ExecutorContext context_;
  Executor executor_;
  Scheduler scheduler_;
};

}  // namespace sluice::worker
