// CommandDecoder: where hostile bytes become a checked command.
//
// A command is copied out of the ring before it gets here. The decoder takes it apart once and checks all that the
// command says by itself: its number, its length, the counts of what trails it, and that each place in the arena lies
// inside. What it refuses no working shim would send: a protocol fault, which ends the session. Whether ids, ranges of
// objects and values make sense is the executor's to say: those are the program's mistakes, and end one command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "daemon/worker/command.h"
#include "wire/arena.h"

namespace sluice::worker {

// Not thread-safe.
class CommandDecoder {
 public:
  using Bytes = std::span<const std::byte>;

  // The arena's memory outlives the decoder.
  explicit CommandDecoder(wire::ArenaView arena) : arena_(arena) {}

  // One whole command. `command` refers to `bytes` and to the decoder until the next call. Allocates nothing once the
  // decoder has seen its longest command. protocol_fault: `command` is not to be used.
  Status decode(Bytes bytes, Command& command);

 private:
  template <typename Fixed>
  Status decode_as(Bytes bytes, Command& command);
  bool take_waits(std::uint32_t count, Bytes& trailing, Command& command);
  Status check_call(const wire::CallHeader& call) const;
  Status check_rows(const wire::BufferRect& rows) const;

  // The checks of each kind of command; `trailing`: what follows the wait list.
  Status check(const wire::BufferCreate& create, Bytes trailing, Command& command) const;
  Status check(const wire::ImageCreate& create, Bytes trailing, Command& command) const;
  Status check(const wire::ProgramBuild& build, Bytes trailing, Command& command) const;
  Status check(const wire::QueueCreate& create, Bytes trailing, Command& command) const;
  Status check(const wire::BufferWrite& write, Bytes trailing, Command& command) const;
  Status check(const wire::BufferRead& read, Bytes trailing, Command& command) const;
  Status check(const wire::BufferFill& fill, Bytes trailing, Command& command) const;
  Status check(const wire::BufferWriteRect& write, Bytes trailing, Command& command) const;
  Status check(const wire::BufferReadRect& read, Bytes trailing, Command& command) const;
  Status check(const wire::KernelLaunch& launch, Bytes trailing, Command& command);
  template <typename Fixed>
  Status check(const Fixed&, Bytes, Command&) const {
    return Status();
  }
  bool take_argument(Bytes& rest, LaunchArgument& argument) const;

  wire::ArenaView arena_;
  // Reused from command to command.
  std::vector<ObjectId> waits_;
  std::vector<LaunchArgument> arguments_;
};

}  // namespace sluice::worker
