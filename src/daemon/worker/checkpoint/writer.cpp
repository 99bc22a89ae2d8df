#include "daemon/worker/checkpoint/writer.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/contract.h"
#include "daemon/worker/live_objects.h"
#include "wire/kernel_traits.h"

namespace sluice::worker {
namespace {

UserEventState state_of(const EventEntry& event) {
  if (!event.user) return UserEventState::none;
  return event.pending ? UserEventState::unset : event.failed ? UserEventState::failed : UserEventState::complete;
}

std::vector<std::byte> encoded(const wire::BuildRequest& request) {
  wire::Encoder encoder;
  encode(encoder, request);
  return encoder.take();
}

// What only the entry knows, not the record.
void add_entry(const Entry& entry, CheckpointObject& object) {
  if (const auto* event = std::get_if<EventEntry>(&entry)) object.user_event = state_of(*event);
  const auto* program = std::get_if<ProgramEntry>(&entry);
  if (program == nullptr) return;
  object.built = program->program() != nullptr;
  object.undelivered = program->slot->undelivered;
}

bool is_building(const Entry* entry) {
  const auto* program = entry != nullptr ? std::get_if<ProgramEntry>(entry) : nullptr;
  return program != nullptr && !program->slot->built.load(std::memory_order_acquire);  // pairs with Builder
}

Outcome outcome_of_command(const EventEntry& event) {
  const InFlight* command = event.command.get();
  return command != nullptr && event.outcome == Outcome::ok && !event.elsewhere ? command->outcome : event.outcome;
}

CheckpointHeld held_of(const HeldCommand& held) {
  CheckpointHeld out{to_bytes(held.command()), held.cut.done, 0, Outcome::ok};
  if (held.started.command == nullptr) return out;
  out.first_started_ns = held.started.command->first_started_ns.load(std::memory_order_relaxed);
  out.outcome = held.started.command->piece_outcome.load(std::memory_order_relaxed);
  return out;
}

}  // namespace

std::vector<CheckpointObject> write_objects(const ObjectTable& objects) {
  std::unordered_set<ObjectId> left_out;
  std::vector<CheckpointObject> written;
  for (const LiveObject& live : live_objects(objects)) {
    const CreationRecord& record = *live.record;
    const Entry* entry = live.released ? nullptr : objects.find_any(record.id());
    const bool misses = std::any_of(record.made_from().begin(), record.made_from().end(),
                                    [&](const RecordRef& below) { return left_out.contains(below->id()); });
    if (misses || is_building(entry)) {
      left_out.insert(record.id());
      continue;
    }
    CheckpointObject object;
    object.command = to_bytes(record.command());
    object.outcome = live.outcome;
    object.released = live.released;
    if (record.request() != nullptr) object.request = encoded(*record.request());
    if (entry != nullptr) add_entry(*entry, object);
    written.push_back(std::move(object));
  }
  return written;
}

void write_progress(const ObjectTable& objects, const Scheduler& scheduler, Checkpoint& checkpoint) {
  std::unordered_set<const EventEntry*> held_events;
  const HeldCommands& held = scheduler.held();
  for (const auto* list : {&held.ready(), &held.blocked()})
    for (const HeldCommand& command : *list) {
      checkpoint.held.push_back(held_of(command));
      held_events.insert(command.started.event);
    }
  objects.for_each([&](ObjectId id, const Entry& entry, const RecordRef&) {
    if (const auto* queue = std::get_if<QueueEntry>(&entry)) {
      const auto position = Completions::position(*queue->progress);
      checkpoint.queues.push_back({id, position.begun, position.ended, position.ended_count});
    }
    const auto* event = std::get_if<EventEntry>(&entry);
    if (event != nullptr && !event->user && !held_events.contains(event))
      checkpoint.events.push_back({id, outcome_of_command(*event)});
  });
}

}  // namespace sluice::worker
