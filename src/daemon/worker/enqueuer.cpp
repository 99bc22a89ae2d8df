#include "daemon/worker/enqueuer.h"

#include "daemon/worker/fault.h"

namespace sluice::worker {
namespace {

constexpr std::uint32_t flush_every = 64;  // commands

}  // namespace

Result<StartedCommand> Enqueuer::start(const wire::EnqueueHeader& header) {
  StartedCommand started;
  wire::EventSlot* slot = header.event_at != wire::no_offset ? to_.slot_at<wire::EventSlot>(header.event_at) : nullptr;
  started.queue = to_.objects.find<QueueEntry>(header.queue);
  if (started.queue != nullptr && header.sequence != started.queue->progress->begun() + 1)
    return fault("a queue's sequence numbers have a gap");
  if (header.event != 0) {
    started.event = to_.objects.insert<EventEntry>(header.event, {});
    if (started.event == nullptr) return fault(used_twice);
  }
  if (started.queue == nullptr) {
    const Nanoseconds now = now_ns();
    if (started.event != nullptr) started.event->outcome = Outcome::invalid_object;
    if (slot != nullptr) wire::publish_event(*slot, Outcome::invalid_object, {now, now, now});
    return started;
  }
  if (++since_flush_ >= flush_every) {
    if (to_.completions.in_flight() > Completions::in_flight_max) return fault("too many commands in flight");
    flush();
  }
  started.command = &to_.completions.begin(*started.queue->progress, slot);
  if (started.event != nullptr) started.event->command = InFlightRef(to_.completions, *started.command);
  return started;
}

// A piece belongs to a command that was started.
Enqueuer::Opened Enqueuer::open(const wire::EnqueueHeader& header, const Command& command, const Part& part,
                                Outcome outcome) {
  SLUICE_REQUIRE(part.started != nullptr || part.last);
  Opened opened;
  StartedCommand started;
  if (part.started != nullptr) {
    started = *part.started;
  } else {
    auto fresh = start(header);
    if (!fresh.ok()) {
      opened.result.status = fresh.status();
      return opened;
    }
    started = fresh.value();
  }
  opened.queue = started.queue;
  opened.command = started.command;
  opened.event = started.event;
  if (started.command == nullptr) return opened;
  opened.outcome = outcome != Outcome::ok ? outcome : started.queue->outcome;
  if (opened.outcome == Outcome::ok) opened.outcome = collect_waits(command.waits);
  if (part.last) order(*started.command, command);
  opened.part = &in_flight_part(*started.command, part);
  opened.result.ends_at_gate = part.admitted;
  opened.submission = {started.queue->queue.get(), wait_events_, opened.part->token(),
                       started.event != nullptr && part.last};
  return opened;
}

// One that is wrong, too, is shown after what it was to wait for.
void Enqueuer::order(InFlight& in_flight, const Command& command) {
  for (const ObjectId id : command.waits) {
    const EventEntry* earlier = to_.objects.find<EventEntry>(id);
    if (earlier != nullptr && earlier->command.get() != nullptr)
      to_.completions.show_after(in_flight, earlier->command);
  }
  to_.completions.order(in_flight, waits_for_all(command), command.op() == wire::Op::barrier);
}

InFlight& Enqueuer::in_flight_part(InFlight& command, const Part& part) {
  InFlight& in_flight = part.last ? command : to_.completions.begin_piece(command);
  in_flight.admitted = part.admitted;
  in_flight.estimate_ns = part.estimate_ns;
  in_flight.duration_key = part.duration_key;
  in_flight.piece_items = part.piece_items;
  return in_flight;
}

Outcome Enqueuer::collect_waits(std::span<const ObjectId> waits) {
  wait_events_.clear();
  for (const ObjectId id : waits) {
    const EventEntry* entry = to_.objects.find<EventEntry>(id);
    if (entry == nullptr) return Outcome::invalid_object;
    if (entry->elsewhere && entry->outcome == Outcome::ok) continue;
    if (entry->event == nullptr) return Outcome::wait_list_failed;
    wait_events_.push_back(entry->event.get());
  }
  return Outcome::ok;
}

SubmitResult Enqueuer::refuse(Opened& opened, Outcome outcome) {
  opened.result.refused = true;
  if (opened.event != nullptr) opened.event->outcome = outcome;
  if (opened.part != opened.command) to_.completions.failed(*opened.part, outcome);
  to_.completions.failed(*opened.command, outcome);
  return std::move(opened.result);
}

void Enqueuer::note_unflushed(QueueEntry& queue) {
  if (queue.unflushed) return;
  queue.unflushed = true;
  unflushed_.push_back(&queue);
}

void Enqueuer::flush() {
  for (QueueEntry* queue : unflushed_) {
    to_.device.flush(*queue->queue);
    queue->unflushed = false;
  }
  unflushed_.clear();
  since_flush_ = 0;
}

}  // namespace sluice::worker
