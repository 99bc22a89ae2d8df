// EventState: how far one command has come, and when; what a front end's event objects stand on.
//
// Three kinds. A posted command's state lies in an EventSlot that the worker writes. A local command, which the shim
// has carried out itself, has ended from the start. A user event ends when the program says so. Thread-safe, but for
// posted_as(). Holds no reference: its lane outlives it.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/lane.h"
#include "shim/progress.h"

namespace sluice::shim {

// CLOCK_MONOTONIC.
struct EventTimes {
  Nanoseconds queued_ns = 0, submitted_ns = 0, started_ns = 0, ended_ns = 0;
};

// A wire::EventStage; or, below 0, the wire::Outcome of a command that failed. 0 or less is final.
using EventStatus = std::int32_t;
inline constexpr EventStatus event_complete = static_cast<EventStatus>(wire::EventStage::complete);

class EventState {
 public:
  // Of a command that is about to be posted on `lane`; owns `slot` from now on. posted_as() gives its number.
  EventState(Lane& lane, wire::EventSlot& slot, std::uint64_t slot_at);
  // Of a local command on `lane` that has ended.
  EventState(Lane& lane, wire::Outcome outcome, const EventTimes& times);
  // Of a user event; tells the worker. Its id is 0 if the session is lost.
  explicit EventState(Session& session);
  EventState(const EventState&) = delete;
  EventState& operator=(const EventState&) = delete;
  // Frees the slot when its command has ended, and tells the worker that the program needs the event no more.
  ~EventState();

  // Before any other thread sees the event.
  void posted_as(std::uint64_t sequence) { sequence_ = sequence; }

  Session& session() const { return session_; }
  // What the worker knows it as; 0: the worker does not know it, and it has ended.
  wire::ObjectId id() const { return id_; }

  // Final once it is <= event_complete; then the results of reads before it are in the program's memory.
  EventStatus status() const;
  // The same, without settling reads.
  EventStatus peek() const;
  // Blocks until the command has ended; returns status().
  EventStatus wait() const;

  // Ends a user event, and tells the worker. False: it had ended before.
  bool set_user(wire::Outcome outcome);

  // REQUIRES: status() == event_complete, and no user event.
  EventTimes times() const;

  // The in-order lane whose reaching sequence() is this event's end; null if there is none.
  Lane* in_order_lane() const { return slot_ != nullptr && !lane_->out_of_order() ? lane_ : nullptr; }
  std::uint64_t sequence() const { return sequence_; }

 private:
  Session& session_;
  Lane* const lane_;  // null: a user event
  const wire::ObjectId id_;
  wire::EventSlot* const slot_ = nullptr;  // null: local, or a user event
  const std::uint64_t slot_at_ = wire::no_offset;
  std::uint64_t sequence_ = 0;
  std::atomic<EventStatus> local_status_;  // where there is no slot
  const EventTimes local_times_;
};

}  // namespace sluice::shim
