#include "daemon/worker/executor_launches.h"

#include <array>

namespace sluice::worker {
namespace {

std::array<std::uint64_t, 3> three(const std::uint64_t (&values)[3]) { return {values[0], values[1], values[2]}; }

void narrow(backend::Launch& launch, const LaunchPiece& piece) {
  launch.global_offset.at(piece.dimension) += piece.first;
  launch.global_size.at(piece.dimension) = piece.items;
}

}  // namespace

void LaunchExecutor::look_up_object(ObjectId id, backend::ArgumentRef& argument, Outcome& outcome) const {
  if (id == 0) return;
  Entry* entry = to_.objects.find_any(id);
  if (auto* memory = entry != nullptr ? std::get_if<MemoryEntry>(entry) : nullptr)
    argument.memory = memory->memory.get();
  else if (auto* sampler = entry != nullptr ? std::get_if<SamplerEntry>(entry) : nullptr)
    argument.sampler = sampler->sampler.get();
  if (argument.memory == nullptr && argument.sampler == nullptr) outcome = Outcome::invalid_object;
}

void LaunchExecutor::look_up(const LaunchArgument& argument, std::span<const std::byte> data,
                             backend::ArgumentRef& found, Outcome& outcome) const {
  found = {};
  found.value = argument.kind;
  switch (argument.kind) {
    case wire::ArgumentValue::bytes: found.bytes = data.subspan(argument.value, argument.bytes); break;
    case wire::ArgumentValue::object: look_up_object(argument.value, found, outcome); break;
    case wire::ArgumentValue::local: found.local_bytes = argument.bytes; break;
    case wire::ArgumentValue::pointer: found.pointer = to_.memory_at(argument.value, 0).data(); break;
  }
}

Outcome LaunchExecutor::look_up_arguments(const Command& command) {
  Outcome outcome = Outcome::ok;
  arguments_.resize(command.arguments.size());
  for (std::size_t i = 0; i < arguments_.size(); ++i)
    look_up(command.arguments[i], command.data, arguments_[i], outcome);
  return outcome;
}

// Every memory argument, but for those that the kernel cannot write and those that it must not.
void LaunchExecutor::note_written(const Command& launch, const backend::Kernel& kernel) const {
  for (std::size_t i = 0; i < launch.arguments.size(); ++i) {
    const LaunchArgument& argument = launch.arguments[i];
    if (argument.kind != wire::ArgumentValue::object || kernel.only_reads(i)) continue;
    const MemoryEntry* memory = to_.objects.find<MemoryEntry>(argument.value);
    if (memory != nullptr && (memory->access & wire::device_writes) != 0) to_.note_written(argument.value);
  }
}

SubmitResult LaunchExecutor::submit(const wire::KernelLaunch& command, const Command& whole, const Part& part) {
  const KernelEntry* entry = to_.objects.find<KernelEntry>(command.kernel);
  Outcome outcome = look_up_arguments(whole);
  if (outcome == Outcome::ok) outcome = entry == nullptr ? Outcome::invalid_object : entry->outcome;
  if (command.dimensions == 0 || command.dimensions > 3) outcome = Outcome::invalid_work_dimension;
  backend::Launch launch{command.dimensions, three(command.global_offset), three(command.global_size),
                         three(command.local_size), arguments_};
  if (part.piece != nullptr) narrow(launch, *part.piece);
  return enqueuer_.submit(command.enqueue, whole, part, outcome, {Work::launch, 0},
                          [&](const backend::Submission& how) {
                            note_written(whole, *entry->kernel);
                            return to_.device.launch(how, *entry->kernel, launch);
                          });
}

SubmitResult LaunchExecutor::submit(const wire::Marker& marker, const Command& command, const Part& part) {
  return enqueuer_.submit(marker.enqueue, command, part, Outcome::ok, {},
                          [&](const backend::Submission& how) { return to_.device.marker(how); });
}

SubmitResult LaunchExecutor::submit(const wire::Barrier& barrier, const Command& command, const Part& part) {
  return enqueuer_.submit(barrier.enqueue, command, part, Outcome::ok, {},
                          [&](const backend::Submission& how) { return to_.device.barrier(how); });
}

}  // namespace sluice::worker
