// Completion, in shared memory: slots that the worker writes and the program reads without any call.
//
// Slots live in the session's arena, at offsets that the shim chose and the worker checked.
//  - TimelineSlot, one per queue: `completed` is, for an in-order queue, the sequence number of the last command that
//    ended; for an out-of-order queue, how many commands have ended.
//  - EventSlot, one per event that the program holds: how its command ended, and when.
//  - ReplySlot, one per outstanding call.
// The worker is the only writer of results, the shim the only writer of `wanted`. What a hostile program writes here
// can only make itself miss a wake-up. All functions are thread-safe but where they say otherwise; `doorbell` is the
// session's, on this side.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "wire/outcome.h"
#include "wire/ring.h"
#include "wire/transport/doorbell.h"

namespace sluice::wire {

struct alignas(64) TimelineSlot {
  std::atomic<std::uint64_t> completed;
  std::atomic<std::uint64_t> wanted_inverted;  // ~(lowest `completed` that a sleeper waits for); 0: none sleeps
  FutexWord wake_seq;
  std::atomic<std::int32_t> first_error;  // Outcome of the first command without an event slot that failed
  std::uint64_t zero[5];
};
static_assert(sizeof(TimelineSlot) == 64);

enum class EventStage : std::int32_t { complete = 0, running = 1, submitted = 2, queued = 3 };  // <0: an Outcome

struct alignas(64) EventSlot {
  std::atomic<std::int32_t> stage;  // EventStage, or a negative Outcome; written last, released
  std::uint32_t zero0;
  std::uint64_t queued_ns;                           // by the shim, when it posted the command
  std::uint64_t submitted_ns, started_ns, ended_ns;  // by the worker, on its clock
  std::uint64_t zero1[3];
};
static_assert(sizeof(EventSlot) == 64 && offsetof(EventSlot, queued_ns) == 8);

enum class ReplyState : std::uint32_t { pending = 0, done = 1, lost = 2 };

struct alignas(64) ReplySlot {
  FutexWord state;           // ReplyState
  std::int32_t outcome;      // an Outcome, valid once done
  std::uint64_t data_bytes;  // the size of the whole answer; if above the room given, none was written
  std::uint64_t zero[6];
};
static_assert(sizeof(ReplySlot) == 64);

// ---- the worker's side ----

// Publishes progress of one queue and wakes the program's threads that wait for it. One caller at a time per slot.
void publish_completed(TimelineSlot& slot, ControlPage& control, std::uint64_t completed, Doorbell doorbell);
void publish_error(TimelineSlot& slot, Outcome outcome);
// By the worker's clock.
struct CommandTimes {
  Nanoseconds submitted_ns = 0, started_ns = 0, ended_ns = 0;
};
void publish_event(EventSlot& slot, Outcome outcome, const CommandTimes& times);
void publish_reply(ReplySlot& slot, Outcome outcome, std::uint64_t data_bytes, Doorbell doorbell);

// ---- the program's side ----

struct CompletionWait {
  Nanoseconds deadline_ns = no_deadline;           // CLOCK_MONOTONIC
  const std::atomic<bool>* interrupted = nullptr;  // ends the wait, too, once it is set and wake_waiters called
  bool spins = true;                               // politely, before it sleeps
};
// Blocks until `completed` reaches `target`. False: `lost` or `options.interrupted` was set (and wake_waiters called),
// or the deadline has passed.
bool wait_completed(TimelineSlot& slot, std::uint64_t target, const std::atomic<bool>& lost,
                    const CompletionWait& options, Doorbell doorbell);

// Waits until anything in the session completes after completion_token() was taken. The order that loses nothing:
// take a token, look at what is awaited, and only then wait with the token.
std::uint32_t completion_token(ControlPage& control);
void wait_any_completion(ControlPage& control, std::uint32_t seen, const std::atomic<bool>& lost,
                         Nanoseconds deadline_ns, Doorbell doorbell);

// Blocks until a call is answered; false: the worker is lost.
bool wait_reply(ReplySlot& slot, const std::atomic<bool>& lost, Doorbell doorbell);

// After setting `lost`: ends the waits above. The shim calls them for every slot in use.
void wake_waiters(TimelineSlot& slot, Doorbell doorbell);
void wake_waiters(ControlPage& control, Doorbell doorbell);
void lose_reply(ReplySlot& slot, Doorbell doorbell);

}  // namespace sluice::wire
