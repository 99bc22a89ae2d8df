// Checkpoint: a session's state as data, so that another worker can go on with it.
//
// Objects come as the commands that made them, in the order in which they were made; so do commands that are held back.
// Commands are as in the ring (wire/commands.h): whoever reads a checkpoint decodes them like a program's. Memory that
// lies in the arena is not part of it.
//
// Encoded it is u32 magic | u32 version | u64 length | u32 CRC-32 | u32 zero, then as many bytes: sections, each a u32
// tag and its bytes with their length in front. A reader refuses a tag that it does not know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "wire/commands.h"
#include "wire/outcome.h"

namespace sluice::worker {

inline constexpr std::uint32_t checkpoint_version = 1;
// A reader takes no longer one: what the budgets of a session allow, and some more (host_budget.h).
inline constexpr std::uint64_t checkpoint_bytes_max = 768ull << 20;

enum class UserEventState : std::uint8_t { none, unset, complete, failed };

struct CheckpointObject {
  std::vector<std::byte> command;                    // that made it
  std::vector<std::byte> request;                    // of a program: an encoded wire::BuildRequest
  wire::Outcome outcome = wire::Outcome::ok;         // what making it came to
  bool released = false;                             // by the program; others are made from it
  bool built = false;                                // of a program: there is one
  std::string undelivered;                           // of a program: an answer that did not fit
  UserEventState user_event = UserEventState::none;  // of another object
  friend bool operator==(const CheckpointObject&, const CheckpointObject&) = default;
};

struct CheckpointQueue {
  wire::ObjectId id = 0;
  std::uint64_t begun = 0, ended = 0, ended_count = 0;  // Completions::QueuePosition
  friend bool operator==(const CheckpointQueue&, const CheckpointQueue&) = default;
};

// The event of a command that has ended.
struct CheckpointEvent {
  wire::ObjectId id = 0;
  wire::Outcome outcome = wire::Outcome::ok;
  friend bool operator==(const CheckpointEvent&, const CheckpointEvent&) = default;
};

// A command that the device does not have yet, or of which it did some pieces.
struct CheckpointHeld {
  std::vector<std::byte> command;
  std::uint64_t done = 0;            // work-items along the dimension that it is cut in, in pieces that have ended
  Nanoseconds first_started_ns = 0;  // of those; 0: none
  wire::Outcome outcome = wire::Outcome::ok;  // so far
  friend bool operator==(const CheckpointHeld&, const CheckpointHeld&) = default;
};

struct Checkpoint {
  std::vector<CheckpointObject> objects;
  // What follows is that of a session at rest, and empty before.
  std::vector<CheckpointQueue> queues;
  std::vector<CheckpointEvent> events;
  std::vector<CheckpointHeld> held;      // the ready ones first
  std::vector<std::uint64_t> durations;  // DurationEstimator::save()
  std::uint64_t ring_position = 0;
  std::uint64_t host_in_seen = 0, host_out_seen = 0;  // HostCopies
  bool arena_at_home = false;
  Nanoseconds rested_ns = 0;  // CLOCK_MONOTONIC: since when nothing of it ran
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

inline constexpr std::size_t checkpoint_header_bytes = 24;

std::vector<std::byte> encode_checkpoint(const Checkpoint& checkpoint);
// What encode_checkpoint() puts in front of these sections, and the sections.
std::vector<std::byte> frame_checkpoint(std::span<const std::byte> sections);
// protocol_fault: cut short, changed, of another kind or of another version; the reason says which.
Result<Checkpoint> decode_checkpoint(std::span<const std::byte> bytes);

}  // namespace sluice::worker
