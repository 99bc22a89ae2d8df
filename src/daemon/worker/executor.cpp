#include "daemon/worker/executor.h"

#include <variant>

namespace sluice::worker {

Status Executor::execute(const Command& command) {
  // The queue that is released may have commands that the driver has not begun.
  if (std::holds_alternative<wire::ObjectRelease>(command.body) &&
      to_.objects.find<QueueEntry>(std::get<wire::ObjectRelease>(command.body).id) != nullptr)
    flush();
  return std::visit(
      [&](const auto& fixed) -> Status {
        if constexpr (requires { object_part_.execute(fixed); }) {
          return object_part_.execute(fixed);
        } else if constexpr (requires { program_part_.execute(fixed); }) {
          return program_part_.execute(fixed);
        } else {
          static_assert(
              requires { fixed.enqueue; }, "a command that no part carries out");
          return Status(Code::internal, "an enqueued command is to be submitted");
        }
      },
      command.body);
}

SubmitResult Executor::submit(const Command& command, const Part& part) {
  return std::visit(
      [&](const auto& fixed) -> SubmitResult {
        if constexpr (requires { launch_part_.submit(fixed, command, part); }) {
          return launch_part_.submit(fixed, command, part);
        } else if constexpr (requires { transfer_part_.submit(fixed, command, part); }) {
          return transfer_part_.submit(fixed, command, part);
        } else {
          static_assert(
              !requires { fixed.enqueue; }, "an enqueued command that no part submits");
          return {.status = Status(Code::internal, "a command that goes to no queue")};
        }
      },
      command.body);
}

void Executor::abandon(const StartedCommand& started) {
  if (started.command != nullptr) to_.completions.failed(*started.command, Outcome::device_lost);
}

// Pieces follow each other by the order of their queue.
CutLaunch Executor::cut_of(const Command& command, const QueueEntry& queue) const {
  const auto* launch = std::get_if<wire::KernelLaunch>(&command.body);
  if (launch == nullptr || queue.out_of_order) return {};
  const KernelEntry* entry = to_.objects.find<KernelEntry>(launch->kernel);
  if (entry == nullptr || entry->kernel == nullptr) return {};
  return plan_cut(*launch, entry->kernel->divisible, to_.device.traits().compute_units);
}

}  // namespace sluice::worker
