#include "daemon/worker/completions.h"

#include <algorithm>
#include <utility>

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

// ---- queues and their commands ----

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
    if (queue->closed_ && idle) drop(queue->last_published_);
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
  command->missing.store(1, std::memory_order_relaxed);
  command->first_started_ns.store(0, std::memory_order_relaxed);
  command->piece_outcome.store(wire::Outcome::ok, std::memory_order_relaxed);
  command->after_all = command->referenced = false;
  return command;
}

void Completions::drop(InFlight* command) {
  if (!command->referenced || command->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    free_.give_back(command);
}

InFlight& Completions::begin(QueueProgress& queue, wire::EventSlot* event) {
  InFlight* command = fresh();
  command->queue = &queue;
  command->event = event;
  ++begun_;
  command->sequence = ++queue.begun_;
  queue.newest_->next.store(command, std::memory_order_release);  // pairs with publish
  queue.newest_ = command;
  return *command;
}

InFlight& Completions::begin_piece(InFlight& whole) {
  InFlight* piece = fresh();
  piece->queue = whole.queue;
  piece->whole = &whole;
  whole.missing.fetch_add(1, std::memory_order_relaxed);
  return *piece;
}

// ---- which is shown before which ----

InFlightRef::InFlightRef(Completions& completions, InFlight& command) : completions_(&completions), command_(&command) {
  if (std::exchange(command.referenced, true)) {
    command.references.fetch_add(1, std::memory_order_relaxed);
  } else {
    command.references.store(2, std::memory_order_relaxed);
    command.followers.store(nullptr, std::memory_order_relaxed);
  }
}

InFlightRef::~InFlightRef() {
  if (command_ != nullptr) completions_->drop(command_);
}

// Stands at the head of the followers of a command that was shown.
Follower* Completions::shown() {
  static Follower mark;
  return &mark;
}

void Completions::show_after(InFlight& command, const InFlightRef& earlier) {
  InFlight& first = *earlier.get();
  if (&first == &command || (first.queue == command.queue && !command.queue->out_of_order_)) return;
  Follower* top = first.followers.load(std::memory_order_acquire);  // pairs with show
  if (top == shown()) return;
  Follower* follower = followers_.take();
  follower->command = &command;
  command.missing.fetch_add(1, std::memory_order_relaxed);
  do {
    if (top == shown()) {
      followers_.give_back(follower);
      command.missing.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    follower->next = top;
  } while (!first.followers.compare_exchange_weak(top, follower, std::memory_order_acq_rel, std::memory_order_acquire));
}

void Completions::order(InFlight& command, bool after_all, bool is_barrier) {
  QueueProgress& queue = *command.queue;
  if (!queue.out_of_order_) return;
  if (queue.barrier_.get() != nullptr) show_after(command, queue.barrier_);
  command.after_all = after_all;
  if (is_barrier) queue.barrier_ = InFlightRef(*this, command);
}

// ---- queues that move ----

bool Completions::at_rest(std::size_t held) const {
  if (begun_ - finished_.load(std::memory_order_acquire) != held) return false;  // pairs with finish
  return std::all_of(queues_.begin(), queues_.end(), [](const std::unique_ptr<QueueProgress>& queue) {
    return queue->tickets_.load(std::memory_order_acquire) == 0;  // pairs with finish
  });
}

void Completions::resume(QueueProgress& queue, std::uint64_t ended, std::uint64_t ended_count) {
  SLUICE_REQUIRE(queue.begun_ == 0);
  queue.begun_ = queue.newest_->sequence = ended;
  queue.ended_.store(ended, std::memory_order_release);
  queue.ended_count_ = ended_count;
}

// One record for all of them, which has ended: the front of the list goes over it.
void Completions::skip_to(QueueProgress& queue, std::uint64_t sequence) {
  if (sequence <= queue.begun_) return;
  InFlight& gap = begin(queue, nullptr);
  gap.sequence = queue.begun_ = sequence;
  gap.outcome = wire::Outcome::ok;
  finished_.fetch_add(1, std::memory_order_release);
  gap.finished.store(true, std::memory_order_release);  // pairs with publish
}

// ---- the ends of commands ----

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
  if (whole.missing.fetch_sub(1, std::memory_order_acq_rel) == 1) finish(whole);
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
  const bool alone = command.missing.load(std::memory_order_acquire) == 1;  // pairs with piece_completed
  if (alone || command.missing.fetch_sub(1, std::memory_order_acq_rel) == 1) finish(command);
}

void Completions::finish(InFlight& command) {
  command.next_to_finish = nullptr;
  for (InFlight* ready = &command; ready != nullptr;) {
    InFlight& next = *ready;
    ready = next.next_to_finish;
    finish(next, ready);
  }
}

// The program can see the end of the command: those that are shown after it have one thing less to wait for.
void Completions::free_followers(InFlight& command, InFlight*& ready) {
  if (!command.referenced) return;
  Follower* follower = command.followers.exchange(shown(), std::memory_order_acq_rel);  // pairs with show_after
  while (follower != nullptr) {
    InFlight& later = *follower->command;
    Follower* gone = std::exchange(follower, follower->next);
    followers_.give_back(gone);
    if (later.missing.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
    later.next_to_finish = ready;
    ready = &later;
  }
}

void Completions::finish(InFlight& command, InFlight*& ready) {
  QueueProgress& queue = *command.queue;
  if (command.outcome == wire::Outcome::ok) command.outcome = command.piece_outcome.load(std::memory_order_relaxed);
  if (const Nanoseconds first_ns = command.first_started_ns.load(std::memory_order_relaxed); first_ns != 0)
    command.times.started_ns = std::min(command.times.started_ns, first_ns);
  // The last piece may have been submitted after the first one started.
  command.times.submitted_ns = std::min(command.times.submitted_ns, command.times.started_ns);
  count(command);
  finished_.fetch_add(1, std::memory_order_release);  // pairs with at_rest
  release_arena();
  if (queue.out_of_order_ && !command.after_all) {
    show_outcome(command, *queue.timeline_);
    free_followers(command, ready);
  }
  command.finished.store(true, std::memory_order_release);  // pairs with publish
  if (queue.tickets_.fetch_add(1, std::memory_order_acq_rel) != 0) return;
  for (std::uint32_t mine = 1; mine != 0;) {
    publish(queue, mine, ready);
    // Tickets that were drawn meanwhile are published in another round.
    mine = queue.tickets_.fetch_sub(mine, std::memory_order_acq_rel) - mine;
  }
}

// By one thread at a time: the one that drew the queue's first ticket.
void Completions::publish(QueueProgress& queue, std::uint32_t ended, InFlight*& ready) {
  InFlight* const before = queue.last_published_;
  InFlight* last = before;
  for (;;) {
    InFlight* next = last->next.load(std::memory_order_acquire);  // pairs with begin
    if (next == nullptr || !next->finished.load(std::memory_order_acquire)) break;
    if (!queue.out_of_order_ || next->after_all) show_outcome(*next, *queue.timeline_);
    last = next;
  }
  const bool advanced = last != before;
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
  // Of an in-order queue the program looks at the timeline, not at the events.
  for (InFlight* command = before; command != last;) {
    InFlight* next = command->next.load(std::memory_order_relaxed);
    drop(command);
    if (!queue.out_of_order_ || next->after_all) free_followers(*next, ready);
    command = next;
  }
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
