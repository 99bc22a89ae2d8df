// The parts of Dispatcher that every enqueued command goes through.
#pragma once

#include <cstring>
#include <memory>
#include <utility>

#include "daemon/worker/dispatch.h"

namespace sluice::worker {

template <typename Command>
bool take(std::span<const std::byte> bytes, Command& command) {
  if (bytes.size() < sizeof command) return false;
  std::memcpy(&command, bytes.data(), sizeof command);
  return true;
}

template <typename Command>
bool Dispatcher::decode(Bytes bytes, Command& command, Trail& trail) {
  if (!take(bytes, command)) return false;
  const std::uint32_t count = command.enqueue.wait_count;
  trail.data = bytes.subspan(sizeof command);
  if (count > wire::wait_list_max || trail.data.size() < count * sizeof(ObjectId)) return false;
  trail.waits.resize(count);
  if (count != 0) std::memcpy(trail.waits.data(), trail.data.data(), count * sizeof(ObjectId));
  trail.data = trail.data.subspan(count * sizeof(ObjectId));
  return true;
}

template <typename Submit>
Status Dispatcher::enqueue(const wire::EnqueueHeader& header, Outcome outcome, Cost cost, Submit submit,
                           std::unique_ptr<std::byte[]> owned) {
  auto started = running_.started != nullptr ? Result<StartedCommand>(*running_.started) : start(header);
  if (!started.ok()) return started.status();
  const auto [queue, command, event] = started.value();
  if (command == nullptr) return Status();  // its queue does not exist: nothing to order, nobody to tell
  command->work = cost.work;
  command->bytes = cost.bytes;
  if (owned != nullptr) completions_.keep(*command, std::move(owned), cost.bytes);
  if (outcome == Outcome::ok) outcome = queue->outcome;
  if (outcome == Outcome::ok) outcome = collect_waits();
  InFlight& part = part_for(*command);
  if (outcome == Outcome::ok) {
    const bool make_event = event != nullptr && running_.last;
    const backend::Submission how{queue->queue.get(), wait_events_, part.token(), make_event};
    backend::Submitted submitted = submit(how);
    outcome = submitted.outcome;
    if (make_event) event->event = std::move(submitted.event);
  }
  if (outcome == Outcome::ok) {
    note_unflushed(*queue);
    return Status();
  }
  running_.failed = true;
  if (event != nullptr) event->outcome = outcome;
  if (&part != command) completions_.failed(part, outcome);
  completions_.failed(*command, outcome);
  return Status();
}

}  // namespace sluice::worker
