#include <algorithm>

#include "daemon/worker/dispatch_enqueue.h"

namespace sluice::worker {
namespace {

constexpr std::uint64_t request_bytes_max = 64ull << 20;
constexpr std::string_view used_twice =
    "a program's or kernel's id was used before, or the records of the program's objects need too much memory";

std::array<std::uint64_t, 3> three(const std::uint64_t (&values)[3]) { return {values[0], values[1], values[2]}; }

}  // namespace

// ---- programs ----

Status Dispatcher::program_build(Bytes bytes) {
  wire::ProgramBuild command;
  take(bytes, command);
  auto place = reply_place(command.call);
  if (!place.ok()) return place.status();
  if (const ProgramEntry* known = objects_.find<ProgramEntry>(command.id)) {
    // The same call again, because the answer did not fit.
    return Builder::deliver_again(*known->slot, place.value()) ? Status() : fault(used_twice);
  }
  const auto blob = memory_at(command.request_at, command.request_bytes);
  if (!blob || blob->size() > request_bytes_max) return fault("a build request is outside the arena, or too large");
  auto charge = builder_.charge(blob->size());
  if (!charge || !objects_.has_room<ProgramEntry>()) {
    place.value().answer(Outcome::out_of_host_memory);
    return Status();
  }
  const std::vector<std::byte> copy(blob->begin(), blob->end());
  wire::Decoder decoder(copy);
  wire::BuildRequest request = wire::decode_build_request(decoder);
  if (!decoder.ok() || request.verb > wire::BuildVerb::link) return fault("a malformed build request");

  std::vector<std::shared_ptr<ProgramSlot>> inputs;
  for (const ObjectId id : request.inputs) {
    const ProgramEntry* input = objects_.find<ProgramEntry>(id);
    if (input == nullptr || input->program() == nullptr) {
      place.value().answer(Outcome::invalid_object);
      return Status();
    }
    inputs.push_back(input->slot);
  }
  const ProgramEntry* entry = objects_.insert(command.id, ProgramEntry{});
  if (entry == nullptr) return fault(used_twice);
  entry->slot->source_charge = std::move(*charge);
  builder_.build(entry->slot, std::move(request), std::move(inputs), place.value());
  return Status();
}

Status Dispatcher::program_binary(Bytes bytes) {
  wire::ProgramBinary command;
  take(bytes, command);
  auto place = reply_place(command.call);
  if (!place.ok()) return place.status();
  const ProgramEntry* entry = objects_.find<ProgramEntry>(command.id);
  if (entry == nullptr || entry->program() == nullptr) place.value().answer(Outcome::invalid_object);
  else builder_.fetch_binary(entry->slot, place.value());
  return Status();
}

// ---- kernels ----

Status Dispatcher::kernel_create(Bytes bytes) {
  wire::KernelCreate command;
  take(bytes, command);
  KernelEntry entry;
  const ProgramEntry* program = objects_.find<ProgramEntry>(command.program);
  if (program == nullptr || program->program() == nullptr) {
    entry.outcome = Outcome::invalid_object;
  } else {
    auto made = device_.create_kernel(*program->program(), command.index);
    entry.outcome = made.outcome;
    entry.kernel = std::move(made.object);
  }
  return objects_.insert(command.id, std::move(entry)) != nullptr ? Status() : fault(used_twice);
}

Status Dispatcher::kernel_argument_check(Bytes bytes) {
  wire::KernelArgumentCheck command;
  take(bytes, command);
  auto place = reply_place(command.call);
  if (!place.ok()) return place.status();
  const KernelEntry* entry = objects_.find<KernelEntry>(command.kernel);
  Outcome outcome = entry == nullptr ? Outcome::invalid_object : entry->outcome;
  if (outcome == Outcome::ok) outcome = device_.check_argument(*entry->kernel, command.index, command.bytes);
  place.value().answer(outcome);
  return Status();
}

// ---- launches ----

bool Dispatcher::decode_object(Bytes id_bytes, backend::ArgumentRef& argument, Outcome& outcome) {
  ObjectId id = 0;
  if (!take(id_bytes, id)) return false;
  if (id == 0) return true;
  Entry* entry = objects_.find_any(id);
  if (auto* memory = entry != nullptr ? std::get_if<MemoryEntry>(entry) : nullptr)
    argument.memory = memory->memory.get();
  else if (auto* sampler = entry != nullptr ? std::get_if<SamplerEntry>(entry) : nullptr)
    argument.sampler = sampler->sampler.get();
  if (argument.memory == nullptr && argument.sampler == nullptr) outcome = Outcome::invalid_object;
  return true;
}

// Takes one argument off `data`. False: malformed. `outcome` is set if it names an object that is not there.
bool Dispatcher::decode_argument(Bytes& data, backend::ArgumentRef& argument, Outcome& outcome) {
  wire::KernelArgument record;
  if (!take(data, record)) return false;
  data = data.subspan(sizeof record);
  argument = {};
  argument.value = record.value;
  if (record.value == wire::ArgumentValue::local) {
    argument.local_bytes = record.bytes;
    return true;
  }
  if (record.bytes > data.size() || wire::round_up_8(record.bytes) > data.size()) return false;
  const Bytes value = data.first(record.bytes);
  data = data.subspan(wire::round_up_8(record.bytes));
  if (record.value == wire::ArgumentValue::object) return decode_object(value, argument, outcome);
  if (record.value == wire::ArgumentValue::pointer) return decode_pointer(value, argument);
  argument.bytes = value;
  return record.value == wire::ArgumentValue::bytes;
}

// A kernel may reach all of the arena anyway: the place must only lie inside.
bool Dispatcher::decode_pointer(Bytes value, backend::ArgumentRef& argument) const {
  std::uint64_t at = 0;
  if (value.size() != sizeof at || !take(value, at)) return false;
  const auto place = arena_.range(at, 0);
  if (place) argument.pointer = place->data();
  return place.has_value();
}

static void narrow(wire::KernelLaunch& launch, const LaunchPiece& piece) {
  launch.global_offset[piece.dimension] += piece.first;
  launch.global_size[piece.dimension] = piece.items;
}

Status Dispatcher::kernel_launch(Bytes bytes) {
  wire::KernelLaunch command;
  Trail trail{waits_, {}};
  if (!decode(bytes, command, trail)) return fault("a launch is cut short");
  if (command.argument_count > trail.data.size() / sizeof(wire::KernelArgument))
    return fault("a launch has fewer arguments than it says");
  const KernelEntry* entry = objects_.find<KernelEntry>(command.kernel);
  Outcome outcome = entry == nullptr ? Outcome::invalid_object : entry->outcome;
  arguments_.resize(command.argument_count);
  for (backend::ArgumentRef& argument : arguments_)
    if (!decode_argument(trail.data, argument, outcome)) return fault("a launch has a malformed argument");
  if (command.dimensions == 0 || command.dimensions > 3) outcome = Outcome::invalid_work_dimension;
  if (running_.piece != nullptr) narrow(command, *running_.piece);
  const backend::Launch launch{command.dimensions, three(command.global_offset), three(command.global_size),
                               three(command.local_size), arguments_};
  return enqueue(command.enqueue, outcome, {Work::launch, 0},
                 [&](const backend::Submission& how) { return device_.launch(how, *entry->kernel, launch); });
}

}  // namespace sluice::worker
