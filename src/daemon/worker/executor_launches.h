// LaunchExecutor: launches kernels, and the markers and barriers between them.
//
// A launch names its kernel and its arguments by id; what they stand for is looked up when it is submitted. One that is
// not there is the program's mistake and ends the command with an outcome.
#pragma once

#include <vector>

#include "daemon/worker/enqueuer.h"

namespace sluice::worker {

class LaunchExecutor {
 public:
  LaunchExecutor(const ExecutorContext& context, Enqueuer& enqueuer) : to_(context), enqueuer_(enqueuer) {}

  SubmitResult submit(const wire::KernelLaunch& launch, const Command& command, const Part& part);
  SubmitResult submit(const wire::Marker& marker, const Command& command, const Part& part);
  SubmitResult submit(const wire::Barrier& barrier, const Command& command, const Part& part);

 private:
  void note_written(const Command& launch, const backend::Kernel& kernel) const;
  // Fills arguments_.
  Outcome look_up_arguments(const Command& command);
  void look_up(const LaunchArgument& argument, std::span<const std::byte> data, backend::ArgumentRef& found,
               Outcome& outcome) const;
  void look_up_object(ObjectId id, backend::ArgumentRef& argument, Outcome& outcome) const;

  ExecutorContext to_;
  Enqueuer& enqueuer_;
  std::vector<backend::ArgumentRef> arguments_;  // reused from command to command
};

}  // namespace sluice::worker
