// A command path whose gate the test opens and shuts, and events to wait for.
#pragma once

#include <map>
#include <vector>

#include "command_rig.h"

namespace sluice::worker {

// A rig whose gate the test opens and shuts.
struct SchedulerRig : Rig {
  void shut() { REQUIRE(open.grantor.ask_back()); }
  void unshut(const LeaseTerms& terms = {}) {
    open.grantor.grant(terms);
    REQUIRE(path.scheduler().pump().ok());
  }
  ObjectId user_event() {
    wire::UserEventCreate command;
    command.id = next_id++;
    REQUIRE(send(command).ok());
    return command.id;
  }
  void set(ObjectId event, bool failed = false) {
    wire::UserEventSet command;
    command.id = event;
    command.failed = failed ? 1 : 0;
    REQUIRE(send(command).ok());
  }
  void release(ObjectId id) {
    wire::ObjectRelease command;
    command.id = id;
    REQUIRE(send(command).ok());
  }
  template <typename Command>
  ObjectId post(ObjectId queue, Command command, const std::vector<ObjectId>& waits = {}) {
    command.enqueue.queue = queue;
    command.enqueue.sequence = ++sequence[queue];
    command.enqueue.event = next_id++;
    command.enqueue.event_at = next_slot();
    slot<wire::EventSlot>(command.enqueue.event_at).stage = static_cast<int>(wire::EventStage::queued);
    slots[command.enqueue.event] = command.enqueue.event_at;
    command.enqueue.wait_count = static_cast<std::uint32_t>(waits.size());
    REQUIRE(send(command, std::as_bytes(std::span(waits))).ok());
    return command.enqueue.event;
  }
  ObjectId marker(ObjectId queue, const std::vector<ObjectId>& waits = {}) {
    return post(queue, wire::Marker{}, waits);
  }
  ObjectId barrier(ObjectId queue, const std::vector<ObjectId>& waits = {}) {
    return post(queue, wire::Barrier{}, waits);
  }
  ObjectId launch(ObjectId queue, ObjectId kernel, std::uint64_t items = 1, const std::vector<ObjectId>& waits = {}) {
    wire::KernelLaunch command;
    command.kernel = kernel;
    command.global_size[0] = items;
    return post(queue, command, waits);
  }
  wire::EventSlot& slot_of(ObjectId event) { return slot<wire::EventSlot>(slots.at(event)); }
  int stage(ObjectId event) { return slot_of(event).stage; }
  std::vector<std::uint64_t> submitted() const {
    std::vector<std::uint64_t> all;
    for (const auto& command : device.commands) all.push_back(reinterpret_cast<InFlight*>(command.token)->sequence);
    return all;
  }

  std::map<ObjectId, std::uint64_t> sequence, slots;
};

inline constexpr int complete = static_cast<int>(wire::EventStage::complete);

inline LeaseTerms cut_at(Nanoseconds piece_ns) {
  LeaseTerms terms;
  terms.piece_ns = piece_ns;
  return terms;
}

struct CutRig : SchedulerRig {
  // Leases as if others waited, so that launches are cut at a fifth of what one of an unknown kernel is taken to need.
  explicit CutRig(backend::Divisible divisible = backend::Divisible::always) {
    device.divisible = divisible;
    shut();
    open.grantor.grant(cut_at(DurationEstimator::unknown_ns / 5));
  }
};

}  // namespace sluice::worker
