#include "wire/timeline.h"

namespace sluice::wire {
namespace {

// `wanted_inverted` holds ~target, so that zeroed memory means "none", and the lowest target is the largest value.
void want(TimelineSlot& slot, std::uint64_t target) {
  std::uint64_t seen = slot.wanted_inverted.load(std::memory_order_relaxed);
  while (seen < ~target && !slot.wanted_inverted.compare_exchange_weak(seen, ~target, std::memory_order_seq_cst)) {
  }
}

}  // namespace

// No wake-up is lost: a waiter reads wake_seq, announces its target, then looks at `completed`, then sleeps on the
// wake_seq that it read. If this function takes the announcement down, it does so before it bumps wake_seq: a waiter
// that read the old value does not sleep, and one that read the new value announced itself afterwards.
void publish_completed(TimelineSlot& slot, ControlPage& control, std::uint64_t completed, Doorbell doorbell) {
  slot.completed.store(completed, std::memory_order_release);  // pairs with wait_completed
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::uint64_t wanted = slot.wanted_inverted.load(std::memory_order_relaxed);
  if (wanted != 0 && completed >= ~wanted) {
    slot.wanted_inverted.store(0, std::memory_order_seq_cst);
    slot.wake_seq.fetch_add(1, std::memory_order_seq_cst);
    doorbell.wake_peer(slot.wake_seq);
  }
  if (control.completion_wanted.load(std::memory_order_relaxed) != 0) {
    control.completion_wanted.store(0, std::memory_order_seq_cst);
    control.completion_seq.fetch_add(1, std::memory_order_seq_cst);
    doorbell.wake_peer(control.completion_seq);
  }
}

void publish_error(TimelineSlot& slot, Outcome outcome) {
  std::int32_t none = 0;
  slot.first_error.compare_exchange_strong(none, static_cast<std::int32_t>(outcome), std::memory_order_release);
}

void publish_event(EventSlot& slot, Outcome outcome, const CommandTimes& times) {
  slot.submitted_ns = times.submitted_ns;
  slot.started_ns = times.started_ns;
  slot.ended_ns = times.ended_ns;
  slot.stage.store(static_cast<std::int32_t>(outcome), std::memory_order_release);  // Outcome::ok is complete
}

void publish_reply(ReplySlot& slot, Outcome outcome, std::uint64_t data_bytes, Doorbell doorbell) {
  slot.outcome = static_cast<std::int32_t>(outcome);
  slot.data_bytes = data_bytes;
  slot.state.store(static_cast<std::uint32_t>(ReplyState::done), std::memory_order_release);  // pairs with wait_reply
  doorbell.wake_peer(slot.state);
}

bool wait_completed(TimelineSlot& slot, std::uint64_t target, const std::atomic<bool>& lost,
                    const CompletionWait& options, Doorbell doorbell) {
  const auto reached = [&] { return slot.completed.load(std::memory_order_acquire) >= target; };
  const auto ended = [&] {
    return lost.load(std::memory_order_acquire) ||
           (options.interrupted != nullptr && options.interrupted->load(std::memory_order_acquire)) ||
           (options.deadline_ns != no_deadline && now_ns() >= options.deadline_ns);
  };
  static SpinHabit habit;
  PoliteSpin spin(habit);
  while (options.spins && !reached() && spin.again()) {
  }
  while (!reached()) {
    const std::uint32_t seq = slot.wake_seq.load(std::memory_order_seq_cst);
    want(slot, target);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (reached()) return true;
    if (ended()) return false;
    doorbell.wait(slot.wake_seq, seq, options.deadline_ns);
  }
  return true;
}

std::uint32_t completion_token(ControlPage& control) {
  const std::uint32_t token = control.completion_seq.load(std::memory_order_seq_cst);
  control.completion_wanted.store(1, std::memory_order_seq_cst);  // after the read: see publish_completed
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return token;
}

void wait_any_completion(ControlPage& control, std::uint32_t seen, const std::atomic<bool>& lost,
                         Nanoseconds deadline_ns, Doorbell doorbell) {
  if (lost.load(std::memory_order_acquire)) return;
  doorbell.wait(control.completion_seq, seen, deadline_ns);
}

bool wait_reply(ReplySlot& slot, const std::atomic<bool>& lost, Doorbell doorbell) {
  const auto state = [&] { return static_cast<ReplyState>(slot.state.load(std::memory_order_acquire)); };
  static SpinHabit habit;
  PoliteSpin spin(habit);
  while (state() == ReplyState::pending && spin.again()) {
  }
  while (state() == ReplyState::pending) {
    if (lost.load(std::memory_order_acquire)) return false;
    doorbell.wait(slot.state, static_cast<std::uint32_t>(ReplyState::pending));
  }
  return state() == ReplyState::done;
}

void wake_waiters(TimelineSlot& slot, Doorbell doorbell) {
  slot.wake_seq.fetch_add(1, std::memory_order_seq_cst);
  doorbell.wake_own(slot.wake_seq);
}

void wake_waiters(ControlPage& control, Doorbell doorbell) {
  control.completion_seq.fetch_add(1, std::memory_order_seq_cst);
  doorbell.wake_own(control.completion_seq);
}

void lose_reply(ReplySlot& slot, Doorbell doorbell) {
  std::uint32_t pending = static_cast<std::uint32_t>(ReplyState::pending);
  slot.state.compare_exchange_strong(pending, static_cast<std::uint32_t>(ReplyState::lost));
  doorbell.wake_own(slot.state);
}

}  // namespace sluice::wire
