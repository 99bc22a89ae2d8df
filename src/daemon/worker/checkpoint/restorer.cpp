#include "daemon/worker/checkpoint/restorer.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "daemon/worker/fault.h"
#include "wire/kernel_traits.h"

namespace sluice::worker {
namespace {

constexpr auto build_poll = std::chrono::microseconds(200);

template <typename Fixed>
constexpr bool makes_an_object =
    std::is_same_v<Fixed, wire::BufferCreate> || std::is_same_v<Fixed, wire::SubBufferCreate> ||
    std::is_same_v<Fixed, wire::ImageCreate> || std::is_same_v<Fixed, wire::SamplerCreate> ||
    std::is_same_v<Fixed, wire::ProgramBuild> || std::is_same_v<Fixed, wire::KernelCreate> ||
    std::is_same_v<Fixed, wire::QueueCreate> || std::is_same_v<Fixed, wire::UserEventCreate>;

// 0: the command makes none.
ObjectId id_made_by(const Command& command) {
  return std::visit(
      [](const auto& fixed) -> ObjectId {
        if constexpr (makes_an_object<std::remove_cvref_t<decltype(fixed)>>) return fixed.id;
        else return 0;
      },
      command.body);
}

const char* kind_of(const CommandBody& body) {
  if (std::holds_alternative<wire::BufferCreate>(body)) return "buffer";
  if (std::holds_alternative<wire::SubBufferCreate>(body)) return "sub-buffer";
  if (std::holds_alternative<wire::ImageCreate>(body)) return "image";
  if (std::holds_alternative<wire::ProgramBuild>(body)) return "program";
  if (std::holds_alternative<wire::KernelCreate>(body)) return "kernel";
  if (std::holds_alternative<wire::QueueCreate>(body)) return "queue";
  return "object";
}

Outcome making_of(const Entry& entry) {
  return std::visit(
      [](const auto& object) {
        if constexpr (requires { object.outcome; }) return object.outcome;
        else return Outcome::ok;
      },
      entry);
}

Command plain(const CommandBody& body) { return {body, {}, {}, {}}; }

template <typename Fixed>
Command with_header(Fixed fixed) {
  fixed.header = {Fixed::op, 0, sizeof fixed};
  return plain(fixed);
}

// As long as it lives, calls are not answered.
class ReplayScope {
 public:
  explicit ReplayScope(bool& replays) : replays_(replays) { replays_ = true; }
  ~ReplayScope() { replays_ = false; }
  ReplayScope(const ReplayScope&) = delete;
  ReplayScope& operator=(const ReplayScope&) = delete;

 private:
  bool& replays_;
};

Status cannot_make(const char* kind, ObjectId id) {
  return Status(Code::unsupported, std::string(kind) + " " + std::to_string(id) + " cannot be made here");
}

}  // namespace

// ---- objects ----

Result<ObjectId> Restorer::decode(const CheckpointObject& object) {
  SLUICE_TRY(decoder_.decode(object.command, command_));
  const ObjectId id = id_made_by(command_);
  if (id == 0) return fault("a checkpoint's object is made by a command that makes none");
  return id;
}

// Programs first, so that they are built beside each other.
Status Restorer::make(const std::vector<CheckpointObject>& objects, Nanoseconds deadline_ns) {
  const ReplayScope replays(replays_);
  SLUICE_TRY(make_each(objects, true, deadline_ns));
  SLUICE_TRY(make_each(objects, false, deadline_ns));
  std::unordered_set<ObjectId> held;  // by the program
  for (const CheckpointObject& object : objects) {
    const ObjectId id = SLUICE_TRY(decode(object));
    SLUICE_TRY(complete(object, id, deadline_ns));
    if (!object.released) held.insert(id);
  }
  for (auto& [id, released] : made_)
    if (!released && !held.contains(id)) {
      SLUICE_TRY(release(id));
      released = true;
    }
  return Status();
}

Status Restorer::make_each(const std::vector<CheckpointObject>& objects, bool programs, Nanoseconds deadline_ns) {
  for (const CheckpointObject& object : objects) {
    const ObjectId id = SLUICE_TRY(decode(object));
    if (std::holds_alternative<wire::ProgramBuild>(command_.body) != programs || made_.contains(id)) continue;
    SLUICE_TRY(make_one(object, id, deadline_ns));
    made_.emplace(id, false);
  }
  return Status();
}

Status Restorer::make_one(const CheckpointObject& object, ObjectId id, Nanoseconds deadline_ns) {
  if (const auto* program = std::get_if<wire::ProgramBuild>(&command_.body)) {
    SLUICE_TRY(build(object, *program, deadline_ns));
  } else {
    if (const auto* kernel = std::get_if<wire::KernelCreate>(&command_.body))
      SLUICE_TRY(await(kernel->program, deadline_ns));
    SLUICE_TRY(executor_.execute(command_));
  }
  const Entry* entry = to_.objects.find_any(id);
  const bool made = entry != nullptr && (object.outcome != Outcome::ok || making_of(*entry) == Outcome::ok);
  return made ? Status() : cannot_make(kind_of(command_.body), id);
}

Status Restorer::build(const CheckpointObject& object, const wire::ProgramBuild& build, Nanoseconds deadline_ns) {
  wire::Decoder decoder(object.request);
  for (const ObjectId input : wire::decode_build_request(decoder).inputs) SLUICE_TRY(await(input, deadline_ns));
  return executor_.rebuild(build, object.request);
}

Status Restorer::await(ObjectId program, Nanoseconds deadline_ns) {
  const ProgramEntry* entry = to_.objects.find<ProgramEntry>(program);
  if (entry == nullptr) return Status();
  while (!entry->slot->built.load(std::memory_order_acquire)) {  // pairs with Builder
    if (now_ns() >= deadline_ns)
      return Status(Code::deadline_exceeded, "program " + std::to_string(program) + " is still being built");
    std::this_thread::sleep_for(build_poll);
  }
  return Status();
}

// What came after the object was made.
Status Restorer::complete(const CheckpointObject& object, ObjectId id, Nanoseconds deadline_ns) {
  if (std::holds_alternative<wire::ProgramBuild>(command_.body)) return complete_program(object, id, deadline_ns);
  const EventEntry* event = to_.objects.find<EventEntry>(id);
  const bool is_set = object.user_event == UserEventState::complete || object.user_event == UserEventState::failed;
  if (event == nullptr || !event->pending || !is_set) return Status();
  wire::UserEventSet set;
  set.id = id;
  set.failed = object.user_event == UserEventState::failed ? 1 : 0;
  return executor_.execute(with_header(set));
}

Status Restorer::complete_program(const CheckpointObject& object, ObjectId id, Nanoseconds deadline_ns) {
  SLUICE_TRY(await(id, deadline_ns));
  const ProgramEntry* entry = to_.objects.find<ProgramEntry>(id);
  if (entry == nullptr) return Status();
  if (object.built && entry->program() == nullptr) return cannot_make("program", id);
  if (object.undelivered.empty() || !entry->slot->undelivered.empty()) return Status();
  return to_.builder.keep(*entry->slot, object.undelivered) ? Status() : fault("answers of builds are too long");
}

Status Restorer::release(ObjectId id) {
  wire::ObjectRelease gone;
  gone.id = id;
  return executor_.execute(with_header(gone));
}

// ---- progress ----

Status Restorer::go_on(const Checkpoint& checkpoint) {
  for (const CheckpointQueue& queue : checkpoint.queues) SLUICE_TRY(resume(queue));
  for (const CheckpointEvent& event : checkpoint.events) {
    EventEntry entry;
    entry.outcome = event.outcome;
    entry.elsewhere = true;
    if (to_.objects.insert(event.id, std::move(entry)) == nullptr) return fault(used_twice);
  }
  SLUICE_TRY(take_held(checkpoint.held));
  for (const CheckpointQueue& queue : checkpoint.queues)
    to_.completions.skip_to(*to_.objects.find<QueueEntry>(queue.id)->progress, queue.begun);
  return Status();
}

Status Restorer::resume(const CheckpointQueue& queue) {
  QueueEntry* entry = to_.objects.find<QueueEntry>(queue.id);
  const bool sound = entry != nullptr && entry->progress->begun() == 0 && queue.ended <= queue.begun &&
                     queue.ended_count <= queue.begun && queue.begun <= INT64_MAX;
  if (!sound) return fault("a checkpoint's queue makes no sense");
  to_.completions.resume(*entry->progress, queue.ended, queue.ended_count);
  return Status();
}

// They get their places in the order of their queues, and are held back in the order of the lists.
Status Restorer::take_held(const std::vector<CheckpointHeld>& held) {
  std::vector<KeptCommand> commands;
  for (const CheckpointHeld& one : held) {
    SLUICE_TRY(decoder_.decode(one.command, command_));
    commands.emplace_back(command_);
  }
  std::vector<std::size_t> order(held.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto sequence = [&](std::size_t at) {
      const wire::EnqueueHeader* header = enqueue_header(commands[at].get());
      return header == nullptr ? 0 : header->sequence;
    };
    return sequence(a) < sequence(b);
  });
  std::vector<StartedCommand> started(held.size());
  for (const std::size_t at : order) started[at] = SLUICE_TRY(start(commands[at].get()));
  for (std::size_t at = 0; at < held.size(); ++at) {
    const CutLaunch cut = SLUICE_TRY(cut_of(commands[at].get(), started[at], held[at]));
    SLUICE_TRY(scheduler_.take_held(commands[at].get(), started[at], cut));
  }
  scheduler_.sort_held();
  return Status();
}

Result<StartedCommand> Restorer::start(const Command& command) {
  if (std::holds_alternative<wire::ObjectRelease>(command.body)) return StartedCommand();
  const wire::EnqueueHeader* header = enqueue_header(command);
  const QueueEntry* queue = header != nullptr ? to_.objects.find<QueueEntry>(header->queue) : nullptr;
  if (queue == nullptr || header->sequence == 0) return fault("a command that no queue has held back");
  if (queue->out_of_order) to_.completions.skip_to(*queue->progress, header->sequence - 1);
  return executor_.start(*header);
}

Result<CutLaunch> Restorer::cut_of(const Command& command, const StartedCommand& started, const CheckpointHeld& held) {
  if (started.command == nullptr) return CutLaunch();
  started.command->first_started_ns.store(held.first_started_ns, std::memory_order_relaxed);
  started.command->piece_outcome.store(held.outcome, std::memory_order_relaxed);
  if (held.done == 0) return CutLaunch();
  CutLaunch cut = executor_.cut_of(command, *started.queue);
  if (cut.unit == 0 || held.done >= cut.whole)
    return Status(Code::unsupported, "a launch that is done in part cannot be cut here");
  cut.done = held.done;
  return cut;
}

}  // namespace sluice::worker
