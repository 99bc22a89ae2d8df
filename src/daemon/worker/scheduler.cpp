#include "daemon/worker/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/contract.h"
#include "base/units.h"
#include "daemon/worker/fault.h"

namespace sluice::worker {
namespace {

bool is_barrier(wire::Op op) { return op == wire::Op::barrier; }

Status too_many_blocked(const HeldCommands& held) {
  return fault("more than " + format_bytes(held.budget().bytes_max()) +
               " of commands wait for events that the program has not set");
}

// The bytes that a transfer moves, where that is easy to see.
std::uint64_t transfer_bytes(const Command& command) {
  if (const auto* write = std::get_if<wire::BufferWrite>(&command.body)) return write->bytes;
  if (const auto* read = std::get_if<wire::BufferRead>(&command.body)) return read->bytes;
  if (const auto* copy = std::get_if<wire::BufferCopy>(&command.body)) return copy->bytes;
  return 0;
}

std::uint64_t items_of(const wire::KernelLaunch& launch) {
  unsigned __int128 items = 1;
  for (std::uint32_t i = 0; i < std::min(launch.dimensions, 3u); ++i) items = items * launch.global_size[i];
  return static_cast<std::uint64_t>(std::min<unsigned __int128>(items, INT64_MAX));
}

// Without its wait list, which is another each time.
DurationKey duration_key_of(const Command& command) {
  const auto* launch = std::get_if<wire::KernelLaunch>(&command.body);
  if (launch == nullptr) return {};
  const auto sizes = std::as_bytes(std::span(launch, 1)).subspan(offsetof(wire::KernelLaunch, kernel));
  return duration_key(launch->kernel, items_of(*launch), sizes, command.data);
}

// The next piece of a launch that may be cut, as a part of it.
Part next_part(const HeldCommand& held, LaunchPiece& piece, Nanoseconds piece_ns, Nanoseconds estimate_ns) {
  Part part{.started = &held.started, .duration_key = held.duration_key, .estimate_ns = estimate_ns};
  if (held.cut.unit == 0) return part;
  piece = next_piece(held.cut, piece_ns, estimate_ns);
  if (piece.items != held.cut.whole) {
    part.piece = &piece;
    part.piece_items = part_of(held.duration_key.items, piece.items, held.cut.whole);
  }
  part.last = piece.first + piece.items == held.cut.whole;
  part.estimate_ns = part_of(estimate_ns, piece.items, held.cut.whole);
  return part;
}

}  // namespace

// ---- new commands ----

Status Scheduler::take(const Command& command) {
  if (const wire::EnqueueHeader* header = enqueue_header(command)) return enqueue(command, *header);
  if (const auto* gone = std::get_if<wire::ObjectRelease>(&command.body)) return release(command, *gone);
  Status status = executor_.execute(command);
  if (status.ok() && std::holds_alternative<wire::UserEventSet>(command.body)) return settle();
  return status;
}

Status Scheduler::enqueue(const Command& command, const wire::EnqueueHeader& header) {
  const QueueEntry* queue = objects_.find<QueueEntry>(header.queue);
  if (queue == nullptr) return submit(command, {}).status;
  const DurationKey key = duration_key_of(command);
  const Nanoseconds estimate_ns = estimate_of(command, key);
  const bool blocked = is_blocked(*queue, command);
  const Nanoseconds piece_ns = gate_.piece_ns();
  const bool may_be_cut = key.items != 0 && piece_ns != 0 && estimate_ns > piece_ns;
  if (!blocked && !may_be_cut && has_room_for_data(command) && held_.ready().empty() && gate_.admit(estimate_ns))
    return submit(command, {.duration_key = key, .estimate_ns = estimate_ns, .admitted = true}).status;
  SLUICE_TRY(hold(command, header, key, blocked));
  return blocked ? Status() : pump();
}

Status Scheduler::hold(const Command& command, const wire::EnqueueHeader& header, const DurationKey& key,
                       bool blocked) {
  auto charge = blocked ? held_.charge(command) : HostCharge();
  if (!charge) return too_many_blocked(held_);
  const StartedCommand started = SLUICE_TRY(executor_.start(header));
  HeldCommand held{KeptCommand(command), started, key, {}, false, std::move(*charge)};
  if (blocked) note_blocked(held, true);
  (blocked ? held_.blocked() : held_.ready()).push_back(std::move(held));
  return Status();
}

Status Scheduler::release(const Command& command, const wire::ObjectRelease& release) {
  const bool blocked = held_.blocked_need(release.id);
  if (!blocked && held_.ready().empty()) return executor_.execute(command);
  auto charge = blocked ? held_.charge(command) : HostCharge();
  if (!charge) return too_many_blocked(held_);
  (blocked ? held_.blocked() : held_.ready()).push_back({KeptCommand(command), {}, {}, {}, false, std::move(*charge)});
  return Status();
}

// ---- how long it will take ----

Nanoseconds Scheduler::estimate_of(const Command& command, const DurationKey& key) const {
  if (is_sync_point(command)) return 0;
  if (key.items != 0) return gate_.durations().estimate(key);
  return DurationEstimator::of_transfer(transfer_bytes(command));
}

// ---- what it waits for ----

// By what is known of earlier commands.
bool Scheduler::is_blocked(const QueueEntry& queue, const Command& command) {
  if (queue.blocked != 0 && (!queue.out_of_order || waits_for_all(command) || queue.blocked_barriers != 0)) return true;
  return std::any_of(command.waits.begin(), command.waits.end(), [this](ObjectId id) {
    const EventEntry* event = objects_.find<EventEntry>(id);
    return event != nullptr && event->pending;
  });
}

bool Scheduler::still_blocked(const HeldCommand& held) {
  const auto* release = std::get_if<wire::ObjectRelease>(&held.command().body);
  if (release == nullptr) return is_blocked(*held.started.queue, held.command());
  return std::any_of(held_.blocked().begin(), held_.blocked().end(), [&](const HeldCommand& other) {
    return enqueue_header(other.command()) != nullptr && refers_to(other.command(), release->id);
  });
}

void Scheduler::note_blocked(HeldCommand& held, bool blocked) {
  if (held.started.queue != nullptr) {
    if (blocked) ++held.started.queue->blocked;
    if (blocked && is_barrier(held.command().op())) ++held.started.queue->blocked_barriers;
    if (held.started.event != nullptr) held.started.event->pending = blocked;
  }
  if (!blocked) held.charge.reset();
}

// An event was set: what waited for nothing else is ready.
Status Scheduler::settle() {
  if (held_.blocked().empty()) return Status();
  sort_held();
  return pump();
}

// In order, so that each sees those before it settled.
void Scheduler::sort_held() {
  for (const HeldCommand& held : held_.blocked())
    if (held.started.queue != nullptr) held.started.queue->blocked = held.started.queue->blocked_barriers = 0;
  std::deque<HeldCommand> before;
  before.swap(held_.blocked());
  for (HeldCommand& held : before) {
    const bool blocked = still_blocked(held);
    note_blocked(held, blocked);
    (blocked ? held_.blocked() : held_.ready()).push_back(std::move(held));
  }
}

// ---- what moves ----

bool Scheduler::held_are_quiet() const {
  const auto quiet = [](const HeldCommand& held) {
    return held.started.command == nullptr || Completions::is_quiet(*held.started.command);
  };
  return std::all_of(held_.ready().begin(), held_.ready().end(), quiet) &&
         std::all_of(held_.blocked().begin(), held_.blocked().end(), quiet);
}

std::size_t Scheduler::held_started() const {
  const auto started = [](const HeldCommand& held) { return held.started.command != nullptr; };
  return static_cast<std::size_t>(std::count_if(held_.ready().begin(), held_.ready().end(), started) +
                                  std::count_if(held_.blocked().begin(), held_.blocked().end(), started));
}

// All are taken for blocked ones until sort_held() has looked at them.
Status Scheduler::take_held(const Command& command, const StartedCommand& started, const CutLaunch& cut) {
  auto charge = held_.charge(command);
  if (!charge) return too_many_blocked(held_);
  HeldCommand held{KeptCommand(command), started, duration_key_of(command), cut, cut.unit != 0, std::move(*charge)};
  if (started.queue != nullptr) note_blocked(held, true);
  held_.blocked().push_back(std::move(held));
  return Status();
}

// ---- when it may go ----

Status Scheduler::pump() {
  if (held_.ready().empty() && !waiting_) return Status();
  for (;;) {
    Status status;
    while (!held_.ready().empty() && run_next(status))
      if (!status.ok()) return status;
    const bool known = std::exchange(waiting_, !held_.ready().empty());
    gate_.set_waiting(waiting_);
    // A command that ended before the gate knew did not wake this thread: once more.
    if (known || !waiting_) return Status();
  }
}

// Carries out the first of the ready, or submits its next piece. False: it may not go yet.
bool Scheduler::run_next(Status& status) {
  HeldCommand& next = held_.ready().front();
  if (next.started.queue != nullptr) return submit_next(next, status);
  const HeldCommand release = std::move(next);
  held_.ready().pop_front();
  status = executor_.execute(release.command());
  return true;
}

bool Scheduler::submit_next(HeldCommand& next, Status& status) {
  if (!has_room_for_data(next.command())) return false;
  if (!std::exchange(next.cut_known, true)) next.cut = executor_.cut_of(next.command(), *next.started.queue);
  LaunchPiece piece;
  Part part = next_part(next, piece, gate_.piece_ns(), estimate_of(next.command(), next.duration_key));
  if (!gate_.admit(part.estimate_ns)) return false;
  part.admitted = true;
  next.cut.done += piece.items;
  SLUICE_INVARIANT(next.cut.done <= next.cut.whole);
  SubmitResult result = submit(next.command(), part);
  status = std::move(result.status);
  // One that was at fault has not ended: it stays, for drop_held().
  if (status.ok() && (part.last || result.refused)) held_.ready().pop_front();
  return true;
}

SubmitResult Scheduler::submit(const Command& command, const Part& part) {
  SubmitResult result = executor_.submit(command, part);
  if (part.admitted && !result.ends_at_gate) gate_.ended(part.estimate_ns);
  return result;
}

void Scheduler::drop_held() {
  for (auto* list : {&held_.ready(), &held_.blocked()}) {
    for (const HeldCommand& held : *list) executor_.abandon(held.started);
    list->clear();
  }
}

}  // namespace sluice::worker
