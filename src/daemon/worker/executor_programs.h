// ProgramExecutor: builds programs, hands out their binaries, and makes kernels.
//
// One overload per command. protocol_fault: an id was used twice, or a build request is malformed. Any other mistake is
// answered, or kept with the kernel and passed on to the commands that use it. All on the command thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "daemon/worker/executor_context.h"

namespace sluice::worker {

class ProgramExecutor {
 public:
  explicit ProgramExecutor(const ExecutorContext& context) : to_(context) {}

  Status execute(const wire::ProgramBuild& build);
  // Of a program that another worker had built, from an encoded BuildRequest. Ends later: see ProgramSlot::built.
  Status rebuild(const wire::ProgramBuild& build, std::span<const std::byte> request);
  Status execute(const wire::ProgramBinary& binary);
  Status execute(const wire::KernelCreate& create);
  Status execute(const wire::KernelArgumentCheck& check);

 private:
  Status begin(const wire::ProgramBuild& build, std::span<const std::byte> request, const ReplyPlace& place);
  std::optional<std::vector<std::shared_ptr<ProgramSlot>>> inputs_of(const wire::BuildRequest& request);
  // Of its inputs, which are all there; each once.
  std::vector<RecordRef> records_of(const wire::BuildRequest& request) const;

  ExecutorContext to_;
};

}  // namespace sluice::worker
