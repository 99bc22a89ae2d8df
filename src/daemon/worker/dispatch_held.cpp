// Enqueued commands: through the gate, or held until they may go.
#include <algorithm>

#include "base/units.h"
#include "daemon/worker/dispatch_enqueue.h"
#include "daemon/worker/dispatch_rows.h"

namespace sluice::worker {
namespace {

bool is_barrier(wire::Op op) { return op == wire::Op::barrier; }
bool is_sync_point(wire::Op op) { return op == wire::Op::barrier || op == wire::Op::marker; }

Status too_many_blocked(const HeldCommands& held) {
  return fault("more than " + format_bytes(held.budget().bytes_max()) +
               " of commands wait for events that the program has not set");
}

// The bytes that a transfer moves, where that is easy to see.
std::uint64_t transfer_bytes(wire::Op op, std::span<const std::byte> command) {
  wire::BufferWrite write;
  wire::BufferCopy copy;
  if (op == wire::Op::buffer_write || op == wire::Op::buffer_read) return take(command, write) ? write.bytes : 0;
  if (op == wire::Op::buffer_copy) return take(command, copy) ? copy.bytes : 0;
  return 0;
}

std::uint64_t items_of(const wire::KernelLaunch& launch) {
  unsigned __int128 items = 1;
  for (std::uint32_t i = 0; i < std::min(launch.dimensions, 3u); ++i) items = items * launch.global_size[i];
  return static_cast<std::uint64_t>(std::min<unsigned __int128>(items, INT64_MAX));
}

std::span<const std::byte> sizes_of(const wire::KernelLaunch& launch) {
  return std::as_bytes(std::span(&launch, 1)).subspan(offsetof(wire::KernelLaunch, kernel));
}

}  // namespace

// ---- how long it will take ----

LengthKey Dispatcher::length_of(wire::Op op, Bytes command) {
  wire::KernelLaunch launch;
  if (op != wire::Op::kernel_launch || !take(command, launch)) return {};
  // Not what it waits for, which is another each time.
  const std::size_t waits_bytes =
      std::min<std::size_t>(launch.enqueue.wait_count * sizeof(ObjectId), command.size() - sizeof launch);
  return length_key(launch.kernel, items_of(launch), sizes_of(launch), command.subspan(sizeof launch + waits_bytes));
}

Nanoseconds Dispatcher::estimate_of(wire::Op op, Bytes command, const LengthKey& length) const {
  if (is_sync_point(op)) return 0;
  if (length.items != 0) return gate_.lengths().estimate(length);
  return Lengths::of_transfer(transfer_bytes(op, command));
}

// ---- what it waits for ----

bool Dispatcher::read_waits(const Row& row, Bytes command, std::uint32_t count) {
  if (count > wire::wait_list_max || command.size() - row.bytes < count * sizeof(ObjectId)) return false;
  waits_.resize(count);
  if (count != 0) std::memcpy(waits_.data(), command.data() + row.bytes, count * sizeof(ObjectId));
  return true;
}

// By what is known of earlier commands; waits_ is the command's.
bool Dispatcher::is_blocked(const QueueEntry& queue, wire::Op op) {
  const bool waits_for_all = is_sync_point(op) && waits_.empty();
  if (queue.blocked != 0 && (!queue.out_of_order || waits_for_all || queue.blocked_barriers != 0)) return true;
  return std::any_of(waits_.begin(), waits_.end(), [this](ObjectId id) {
    const EventEntry* event = objects_.find<EventEntry>(id);
    return event != nullptr && event->pending;
  });
}

// ---- on its way ----

Status Dispatcher::handle_enqueued(const Row& row, Bytes command) {
  wire::EnqueueHeader header;
  if (!take(command, header) || !read_waits(row, command, header.wait_count))
    return fault("an enqueued command is cut short");
  const wire::Op op = header.header.op;
  const QueueEntry* queue = objects_.find<QueueEntry>(header.queue);
  if (queue == nullptr) return run(row, command, {});
  const LengthKey length = length_of(op, command);
  const Nanoseconds estimate_ns = estimate_of(op, command, length);
  const bool blocked = is_blocked(*queue, op);
  const Nanoseconds piece_ns = gate_.piece_ns();
  const bool has_room = op != wire::Op::buffer_write || completions_.has_room(command.size());
  const bool may_be_cut = length.items != 0 && piece_ns != 0 && estimate_ns > piece_ns;
  if (!blocked && !may_be_cut && has_room && held_.ready().empty() && gate_.admit(estimate_ns))
    return run(row, command, {.length = length, .estimate_ns = estimate_ns, .admitted = true});
  if (Status status = hold(command, length, blocked); !status.ok()) return status;
  return blocked ? Status() : pump();
}

Status Dispatcher::hold(Bytes command, const LengthKey& length, bool blocked) {
  wire::EnqueueHeader header;
  take(command, header);
  auto started = start(header);
  if (!started.ok()) return started.status();
  HeldCommand held{header.header.op, {command.begin(), command.end()}, started.value(), length, {}, false, {}};
  if (!blocked) {
    held_.ready().push_back(std::move(held));
    return Status();
  }
  if (!held_.charge(held)) return too_many_blocked(held_);
  ++held.started.queue->blocked;
  if (is_barrier(held.op)) ++held.started.queue->blocked_barriers;
  if (held.started.event != nullptr) held.started.event->pending = true;
  held_.blocked().push_back(std::move(held));
  return Status();
}

Status Dispatcher::handle_release(const Row& row, Bytes command) {
  wire::ObjectRelease release;
  take(command, release);
  HeldCommand held{wire::Op::object_release, {command.begin(), command.end()}, {}, {}, {}, false, {}};
  const bool blocked = held_.blocked_names(release.id);
  if (blocked && !held_.charge(held)) return too_many_blocked(held_);
  if (!blocked && held_.ready().empty()) return (this->*row.handler)(command);
  (blocked ? held_.blocked() : held_.ready()).push_back(std::move(held));
  return Status();
}

// The handler ends in enqueue(), unless the command is malformed.
Status Dispatcher::run(const Row& row, Bytes command, const Running& running) {
  running_ = running;
  const Status status = (this->*row.handler)(command);
  if (running_.admitted) gate_.ended(running_.estimate_ns);
  running_.admitted = false;
  return status;
}

// Pieces follow each other by the order of their queue.
CutLaunch Dispatcher::cut_of(const HeldCommand& held) {
  wire::KernelLaunch launch;
  if (held.op != wire::Op::kernel_launch || held.started.queue->out_of_order || !take(held.bytes, launch)) return {};
  const KernelEntry* kernel = objects_.find<KernelEntry>(launch.kernel);
  if (kernel == nullptr || kernel->kernel == nullptr) return {};
  return plan_cut(launch, kernel->kernel->divisible, device_.traits().compute_units);
}

// ---- when it may go ----

bool Dispatcher::still_blocked(const HeldCommand& held) {
  if (held.op == wire::Op::object_release) {
    wire::ObjectRelease release;
    take(held.bytes, release);
    return std::any_of(held_.blocked().begin(), held_.blocked().end(), [&](const HeldCommand& other) {
      return other.op != wire::Op::object_release && HeldCommands::names(other, release.id);
    });
  }
  wire::EnqueueHeader header;
  take(held.bytes, header);
  read_waits(*row_of(static_cast<std::uint16_t>(held.op)), held.bytes, header.wait_count);
  return is_blocked(*held.started.queue, held.op);
}

// An event was set: what waited for nothing else is ready. In order, so that each sees those before it settled.
Status Dispatcher::settle() {
  if (held_.blocked().empty()) return Status();
  for (const HeldCommand& held : held_.blocked())
    if (held.started.queue != nullptr) held.started.queue->blocked = held.started.queue->blocked_barriers = 0;
  std::deque<HeldCommand> before;
  before.swap(held_.blocked());
  for (HeldCommand& held : before) {
    const bool blocked = still_blocked(held);
    if (StartedCommand& started = held.started; started.queue != nullptr) {
      if (blocked) ++started.queue->blocked;
      if (blocked && is_barrier(held.op)) ++started.queue->blocked_barriers;
      if (started.event != nullptr) started.event->pending = blocked;
    }
    if (!blocked) held.charge.reset();
    (blocked ? held_.blocked() : held_.ready()).push_back(std::move(held));
  }
  return pump();
}

Status Dispatcher::pump() {
  if (held_.ready().empty() && !waiting_) return Status();
  for (;;) {
    bool gone = true;
    while (gone && !held_.ready().empty())
      if (Status status = run_next(gone); !status.ok()) return status;
    const bool known = std::exchange(waiting_, !held_.ready().empty());
    gate_.set_waiting(waiting_);
    // What ended before the gate knew has woken nobody: once more.
    if (known || !waiting_) return Status();
  }
}

// Submits the first of the ready, or its next piece. `gone`: the gate let it through.
Status Dispatcher::run_next(bool& gone) {
  HeldCommand& next = held_.ready().front();
  const Row& row = *row_of(static_cast<std::uint16_t>(next.op));
  if (next.op == wire::Op::object_release) {
    const HeldCommand release = std::move(next);
    held_.ready().pop_front();
    return (this->*row.handler)(release.bytes);
  }
  if (next.op == wire::Op::buffer_write && !completions_.has_room(next.bytes.size())) {
    gone = false;
    return Status();
  }
  if (!next.cut_known) next.cut = cut_of(next);
  next.cut_known = true;
  Running running{.started = &next.started, .length = next.length};
  running.estimate_ns = estimate_of(next.op, next.bytes, next.length);
  LaunchPiece piece;
  if (next.cut.unit != 0) {
    piece = next_piece(next.cut, gate_.piece_ns(), running.estimate_ns);
    if (piece.items != next.cut.whole) {
      running.piece = &piece;
      running.piece_items = part_of(next.length.items, piece.items, next.cut.whole);
    }
    running.last = piece.first + piece.items == next.cut.whole;
    running.estimate_ns = part_of(running.estimate_ns, piece.items, next.cut.whole);
  }
  gone = gate_.admit(running.estimate_ns);
  if (!gone) return Status();
  running.admitted = true;
  next.cut.done += piece.items;
  const Status status = run(row, next.bytes, running);
  // A malformed one has not ended: it stays, for drop_held().
  if (status.ok() && (running_.last || running_.failed)) held_.ready().pop_front();
  return status;
}

void Dispatcher::drop_held() {
  for (auto* list : {&held_.ready(), &held_.blocked()}) {
    for (const HeldCommand& held : *list)
      if (held.started.command != nullptr) completions_.failed(*held.started.command, Outcome::device_lost);
    list->clear();
  }
}

}  // namespace sluice::worker
