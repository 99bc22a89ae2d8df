// SessionRecord: all that a daemon must know to account for a session, and all that a worker must know to serve it.
//
// It goes to the worker with Attach and comes back with Adopt; the daemon keeps it in the worker's `.session` file (a
// SessionNote) and compares. To add a field: add it to the struct and to `visit` in session_record.cpp, and raise the
// version.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "wire/codec.h"
#include "wire/handshake.h"
#include "wire/transport/shared_memory.h"

namespace sluice {

// One session on one device: what has a worker, a lease, a meter and a memory grant of its own.
struct BindingId {
  std::uint64_t session_id = 0;
  std::uint32_t device = 0;  // its index in the pool
  friend auto operator<=>(const BindingId&, const BindingId&) = default;
};

inline constexpr std::uint32_t session_record_version = 5;

// A device that serves the session, and the worker that does it there.
struct SessionBinding {
  std::uint32_t device = 0;  // its index in the pool
  std::uint32_t worker = 0;  // its number
  friend bool operator==(const SessionBinding&, const SessionBinding&) = default;
};
inline constexpr std::size_t session_bindings_max = 16;

// Its tenant's slice, as it was when the session began.
struct SessionLimits {
  std::uint64_t memory_bytes = 0;
  std::uint32_t gpu_milli = 0;
  friend bool operator==(const SessionLimits&, const SessionLimits&) = default;
};

struct SessionRecord {
  std::uint64_t session_id = 0;
  std::uint64_t tenant_id = 0;  // the registry's, for good
  wire::Api api = wire::Api::opencl;
  SessionLimits limits;
  std::uint64_t control_bytes = 0, arena_bytes = 0;
  std::uint64_t arena_address = 0;  // wire::arena_home
  std::uint64_t started_unix_ns = 0;
  std::uint32_t client_pid = 0, client_uid = 0, client_gid = 0;
  std::uint64_t client_start_ticks = 0;    // with client_pid: which process; 0: not known
  std::vector<SessionBinding> bindings;    // 1 to session_bindings_max, each on another device; the first one leads
  char tenant[wire::name_bytes_max] = {};  // NUL-terminated, as `program` is
  char program[wire::name_bytes_max] = {};

  bool operator==(const SessionRecord&) const = default;
};

void put_session_record(wire::Encoder& encoder, const SessionRecord& record);
// protocol_fault: malformed, or of another version.
Result<SessionRecord> get_session_record(wire::Decoder& decoder);

// What the daemon notes of a session beside the worker's folder, where no worker can write.
inline constexpr std::uint32_t session_note_version = 5;
inline constexpr std::size_t session_note_bytes_max = 4096;

// Which memory the daemon gave the session. A worker could hand over any other.
struct BindingMemoryNote {
  wire::MemoryIdentity report, terms;
  // Of the daemon before, until the worker has the page of this one: it may present either.
  wire::MemoryIdentity terms_before;
  friend bool operator==(const BindingMemoryNote&, const BindingMemoryNote&) = default;
};
struct SessionMemoryNote {
  wire::MemoryIdentity control, arena;
  std::vector<BindingMemoryNote> bindings;  // as those of the record
  friend bool operator==(const SessionMemoryNote&, const SessionMemoryNote&) = default;
};

// Which device an index in the pool meant, for a daemon whose configuration or machine may be another.
struct DeviceIdentity {
  std::array<std::uint8_t, 16> uuid{};  // wire::DeviceTraits::uuid
  std::uint32_t card = 0, cards = 1;    // which of how many cards of that device
  std::uint64_t cpus_hash = 0;          // of the card's CPUs; 0: it is no card
  friend bool operator==(const DeviceIdentity&, const DeviceIdentity&) = default;
};

// Of a session that was moving when the daemon died: both its workers have a note, and one of them goes on with it.
enum class MoveRole : std::uint32_t { none, source, target };
struct MoveNote {
  std::uint64_t move = 0;  // its number; 0: it was not moving
  MoveRole role = MoveRole::none;
  std::uint32_t peer = 0;  // the other worker's number
  friend bool operator==(const MoveNote&, const MoveNote&) = default;
};

struct SessionNote {  // REQUIRES: as many bindings in all three
  SessionRecord record;
  SessionMemoryNote memory;
  std::vector<DeviceIdentity> devices = {};  // of the bindings
  MoveNote move = {};
};

std::vector<std::byte> encode_session_note(const SessionNote& note);
// protocol_fault: malformed, or of another version; the reason says which.
Result<SessionNote> decode_session_note(std::span<const std::byte> bytes);

}  // namespace sluice
