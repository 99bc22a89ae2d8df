// MoveStream: what the two workers of a move send each other, over a connected stream socket.
//
// Frames: u32 kind | u32 zero | u64 length, then as many bytes. A frame has a descriptor with it where its kind says
// so. The other side is hostile: a frame is taken only if it is of the kind that comes next, and no longer than
// allowed. One owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::worker {

// A move that takes longer is given up by either worker.
inline constexpr Nanoseconds move_ns_max = 60 * ns_per_s;

enum class MoveFrame : std::uint32_t {
  objects = 1,   // source to target: a checkpoint of the objects that there are now
  made = 2,      // target to source, for each of those but the last: they are made; no bytes
  contents = 3,  // source to target: a ContentPiece, and its bytes
  rest = 4,      // source to target, the last: the whole checkpoint, with descriptors in the order of MoveFd
};

// The worker's end of the session socket, and where what kernels print goes.
enum MoveFd : std::size_t { move_fd_session, move_fd_output, move_fds };

class MoveStream {
 public:
  explicit MoveStream(UniqueFd socket);

  // unavailable: the other side is gone. deadline_exceeded: it does not read.
  Status send(MoveFrame kind, std::span<const std::byte> bytes, Nanoseconds deadline_ns,
              std::span<const int> descriptors = {}) const;
  // Both parts as one.
  Status send(MoveFrame kind, std::span<const std::byte> first, std::span<const std::byte> second,
              Nanoseconds deadline_ns) const;

  struct Received {
    MoveFrame kind{};
    std::vector<std::byte> bytes;
    std::vector<UniqueFd> descriptors;  // of its first bytes
  };
  // protocol_fault: the other side sent something else than one of these.
  Result<Received> receive(std::initializer_list<MoveFrame> kinds, std::uint64_t bytes_max,
                           Nanoseconds deadline_ns) const;

 private:
  Status wait(short events, Nanoseconds deadline_ns) const;
  Status write_all(std::span<const std::byte> bytes, std::span<const int> descriptors, Nanoseconds deadline_ns) const;
  Status read_all(std::span<std::byte> bytes, std::vector<UniqueFd>* descriptors, Nanoseconds deadline_ns) const;

  UniqueFd socket_;
};

}  // namespace sluice::worker
