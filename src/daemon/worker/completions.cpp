#include "daemon/worker/completions.h"

#include <algorithm>

#include "base/contract.h"
#include "daemon/worker/launch_cuts.h"
#include "daemon/worker/tsan_annotations.h"

namespace sluice::worker {
namespace {

void show_outcome(const InFlight& command, wire::TimelineSlot& timeline) {
  const ProgramWriteScope guard;
  if (command.event != nullptr) wire::publish_event(*command.event, command.outcome, command.times);
  else if (command.outcome != wire::Outcome::ok) wire::publish_error(timeline, command.outcome);
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace

QueueProgress& Completions::open(wire::TimelineSlot& timeline, bool out_of_order) {
  sweep_closed();
  auto queue = std::make_unique<QueueProgress>();
  queue->timeline_ = &timeline;
  queue->out_of_order_ = out_of_order;
  // The list always keeps the command that was published last, so that it is never empty.
  InFlight* start = fresh();
  queue->newest_ = queue->last_published_ = start;
  queues_.push_back(std::move(queue));
  return *queues_.back();
}

void Completions::close(QueueProgress& queue) {
  queue.closed_ = true;
  sweep_closed();
}

void Completions::sweep_closed() {
  std::erase_if(queues_, [this](const std::unique_ptr<QueueProgress>& queue) {
    const bool idle = queue->ended_.load(std::memory_order_acquire) == queue->begun_ &&
                      queue->tickets_.load(std::memory_order_acquire) == 0;  // pairs with completed
    if (queue->closed_ && idle) free_.give_back(queue->last_published_);
    return queue->closed_ && idle;
  });
}

InFlight* Completions::fresh() {
  InFlight* command = free_.take();
  command->next.store(nullptr, std::memory_order_relaxed);
  command->event = nullptr;
  command->finished.store(false, std::memory_order_relaxed);
  command->work = Work::other;
  command->bytes = 0;
  command->admitted = false;
  command->duration_key = {};
  command->whole = nullptr;
  command->piece_items = 0;
  command->parts.store(1, std::memory_order_relaxed);
  command->first_started_ns.store(0, std::memory_order_relaxed);
  command->piece_outcome.store(wire::Outcome::ok, std::memory_order_relaxed);
  return command;
}

InFlight& Completions::begin(QueueProgress& queue, wire::EventSlot* event) {
  InFlight* command = fresh();
  command->queue = &queue;
  command->event = event;
  command->sequence = ++queue.begun_;
  queue.newest_->next.store(command, std::memory_order_release);  // pairs with publish
  queue.newest_ = command;
  return *command;
}

InFlight& Completions::begin_piece(InFlight& whole) {
  InFlight* piece = fresh();
  piece->queue = whole.queue;
  piece->whole = &whole;
  whole.parts.fetch_add(1, std::memory_order_relaxed);
  return *piece;
}

void Completions::failed(InFlight& command, wire::Outcome outcome) {
  const Nanoseconds now = now_ns();
  completed(command.token(), outcome, {now, now, now});
}

// Before the program can see the end of a command, so that what it sees is already counted.
void Completions::count(const InFlight& command) const {
  const bool done = command.outcome == wire::Outcome::ok;
  add(meter_.commands, 1);
  if (!done) add(meter_.failures, 1);
  if (done && command.work == Work::launch) add(meter_.launches, 1);
  if (done && command.work == Work::to_device) add(meter_.bytes_in, command.bytes);
  if (done && command.work == Work::from_device) add(meter_.bytes_out, command.bytes);
  meter_.last_active_ns.store(command.times.ended_ns, std::memory_order_relaxed);
}

// What a part of a command used is counted, and the device is the next one's, before anybody is told of the end.
void Completions::leave_device(const InFlight& part) {
  const Nanoseconds took_ns = part.times.ended_ns - part.times.started_ns;
  add(meter_.device_ns, took_ns);
  if (!part.admitted) return;
  const DurationKey& key = part.duration_key;
  if (key.items != 0 && part.outcome == wire::Outcome::ok)
    gate_.durations().note(key, part.piece_items != 0 ? part_of(took_ns, key.items, part.piece_items) : took_ns);
  gate_.ended(part.estimate_ns);
}

void Completions::piece_completed(InFlight& piece) {
  leave_device(piece);
  InFlight& whole = *piece.whole;
  Nanoseconds first_ns = whole.first_started_ns.load(std::memory_order_relaxed);
  while ((first_ns == 0 || piece.times.started_ns < first_ns) &&
         !whole.first_started_ns.compare_exchange_weak(first_ns, piece.times.started_ns, std::memory_order_relaxed))
    continue;
  if (piece.outcome != wire::Outcome::ok) whole.piece_outcome.store(piece.outcome, std::memory_order_relaxed);
  free_.give_back(&piece);
  if (whole.parts.fetch_sub(1, std::memory_order_acq_rel) == 1) finish(whole);
}

void Completions::completed(std::uint64_t token, wire::Outcome outcome, const wire::CommandTimes& times) {
  auto& command = *reinterpret_cast<InFlight*>(token);
  command.outcome = outcome;
  command.times = times;
  if (command.whole != nullptr) return piece_completed(command);
  if (command.data != nullptr) {  // before the gate wakes the command thread, which may wait for the room
    command.data.reset();
    command.data_charge.reset();
  }
  leave_device(command);
  // Drivers may report the last of the pieces before another.
  const bool alone = command.parts.load(std::memory_order_acquire) == 1;  // pairs with piece_completed
  if (alone || command.parts.fetch_sub(1, std::memory_order_acq_rel) == 1) finish(command);
}

void Completions::finish(InFlight& command) {
  QueueProgress& queue = *command.queue;
  if (command.outcome == wire::Outcome::ok) command.outcome = command.piece_outcome.load(std::memory_order_relaxed);
  if (const Nanoseconds first_ns = command.first_started_ns.load(std::memory_order_relaxed); first_ns != 0)
    command.times.started_ns = std::min(command.times.started_ns, first_ns);
  // The last piece may have been submitted after the first one started.
  command.times.submitted_ns = std::min(command.times.submitted_ns, command.times.started_ns);
  count(command);
  release_arena();
  if (queue.out_of_order_) show_outcome(command, *queue.timeline_);
  command.finished.store(true, std::memory_order_release);  // pairs with publish
  if (queue.tickets_.fetch_add(1, std::memory_order_acq_rel) != 0) return;
  for (std::uint32_t mine = 1; mine != 0;) {
    publish(queue, mine);
    // Tickets that were drawn meanwhile are published in another round.
    mine = queue.tickets_.fetch_sub(mine, std::memory_order_acq_rel) - mine;
  }
}

// By one thread at a time: the one that drew the queue's first ticket.
void Completions::publish(QueueProgress& queue, std::uint32_t ended) {
  InFlight* last = queue.last_published_;
  for (;;) {
    InFlight* next = last->next.load(std::memory_order_acquire);  // pairs with begin
    if (next == nullptr || !next->finished.load(std::memory_order_acquire)) break;
    if (!queue.out_of_order_) show_outcome(*next, *queue.timeline_);
    free_.give_back(last);
    last = next;
  }
  const bool advanced = last != queue.last_published_;
  SLUICE_INVARIANT(!advanced || last->sequence > queue.ended_.load(std::memory_order_relaxed));
  queue.last_published_ = last;
  queue.ended_count_ += ended;
  if (advanced) {
    // Both sequentially consistent: see release_after_all. Before the program can know, so that memory which only these
    // commands held is free for what it does next.
    queue.ended_.store(last->sequence, std::memory_order_seq_cst);
    if (queue.held_at_.load(std::memory_order_seq_cst) <= last->sequence) let_go(queue);
  }
  if (queue.out_of_order_) wire::publish_completed(*queue.timeline_, control_, queue.ended_count_, doorbell_);
  else if (advanced) wire::publish_completed(*queue.timeline_, control_, last->sequence, doorbell_);
}

void Completions::let_go(QueueProgress& queue) {
  std::vector<std::shared_ptr<const void>> gone;  // dropped after the lock
  const std::lock_guard lock(queue.held_mutex_);
  const std::uint64_t ended = queue.ended_.load(std::memory_order_seq_cst);
  while (!queue.held_.empty() && queue.held_.front().sequence <= ended) {
    gone.push_back(std::move(queue.held_.front().thing));
    releases_.fetch_sub(1, std::memory_order_relaxed);
    queue.held_.pop_front();
  }
  queue.held_at_.store(queue.held_.empty() ? QueueProgress::never : queue.held_.front().sequence,
                       std::memory_order_seq_cst);
}

bool Completions::release_after_all(const std::shared_ptr<const void>& thing) {
  if (releases_.load(std::memory_order_relaxed) + queues_.size() > releases_max) return false;
  for (const auto& queue : queues_) {
    if (queue->ended_.load(std::memory_order_acquire) == queue->begun_) continue;
    {
      const std::lock_guard lock(queue->held_mutex_);
      queue->held_.push_back({queue->begun_, thing});
      releases_.fetch_add(1, std::memory_order_relaxed);
      if (queue->held_.size() == 1) queue->held_at_.store(queue->begun_, std::memory_order_seq_cst);
    }
    // The queue may have come to rest before its publisher could see held_at_: one of the two sees the other.
    if (queue->ended_.load(std::memory_order_seq_cst) >= queue->begun_) let_go(*queue);
  }
  return true;
}

void Completions::keep(InFlight& command, std::unique_ptr<std::byte[]> data, std::uint64_t bytes) {
  // has_room() was true on this thread, which alone charges.
  if (auto charge = data_budget_.charge(bytes)) command.data_charge = std::move(*charge);
  command.data = std::move(data);
}

std::size_t Completions::in_flight() const {
  std::uint64_t sum = 0;
  for (const auto& queue : queues_) sum += queue->begun_ - queue->ended_.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace sluice::worker
