// Command: one checked command of the program, as a value.
//
// The decoder makes it once from the ring's bytes; the scheduler and the executor read nothing else. It names objects
// by id and memory by its place in the arena, so that it means the same later, and in another worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "wire/commands.h"

namespace sluice::worker {

using wire::ObjectId;

// The fixed part of each command. To add a command: a line here, its checks in decoder.cpp, its objects in command.cpp,
// an overload in the executor of its subject.
using CommandBody =
    std::variant<wire::BufferCreate, wire::SubBufferCreate, wire::ImageCreate, wire::SamplerCreate, wire::ProgramBuild,
                 wire::ProgramBinary, wire::KernelCreate, wire::KernelArgumentCheck, wire::QueueCreate,
                 wire::UserEventCreate, wire::UserEventSet, wire::ObjectRelease, wire::BufferWrite, wire::BufferRead,
                 wire::BufferCopy, wire::BufferFill, wire::BufferWriteRect, wire::BufferReadRect, wire::BufferCopyRect,
                 wire::ImageWrite, wire::ImageRead, wire::ImageCopy, wire::ImageFill, wire::ImageToBuffer,
                 wire::BufferToImage, wire::KernelLaunch, wire::Marker, wire::Barrier>;

// One argument of a launch.
struct LaunchArgument {
  wire::ArgumentValue kind{};
  std::uint32_t bytes = 0;  // of a value, or of local memory
  // object: its id, 0 for a null buffer. pointer: its place in the arena. bytes: where its data begins in
  // Command::data.
  std::uint64_t value = 0;
};

struct Command {
  CommandBody body;
  // What trails the fixed part. All three are views of the decoder's memory, valid until it decodes the next command.
  std::span<const ObjectId> waits;
  std::span<const LaunchArgument> arguments;  // of a launch
  std::span<const std::byte> data;  // of a write that brings it; a fill's pattern; a launch's argument records, raw

  wire::Op op() const;
};

// Null: the command goes to no queue.
const wire::EnqueueHeader* enqueue_header(const Command& command);

// A barrier or a marker.
bool is_sync_point(const Command& command);
// A sync point without a wait list: it waits for all that its queue was given before.
bool waits_for_all(const Command& command);

// Does the command need the object? Its queue, its own event, an event that it waits for, an operand or an argument.
bool refers_to(const Command& command, ObjectId id);

// The command as it would lie in the ring: what the decoder makes the same command of.
std::vector<std::byte> to_bytes(const Command& command);
// A creation command so, without the places that it named for its answer and its request.
std::vector<std::byte> to_bytes(const CommandBody& creation);

// A command with memory of its own for what trails it. Moved from, it may only be destroyed or assigned to.
class KeptCommand {
 public:
  explicit KeptCommand(const Command& command);
  KeptCommand(KeptCommand&&) noexcept = default;
  KeptCommand& operator=(KeptCommand&&) noexcept = default;

  const Command& get() const { return command_; }
  // What keeping the trailing parts takes, beside the record itself.
  static std::size_t trailing_bytes(const Command& command);

 private:
  Command command_;
  std::unique_ptr<std::byte[]> storage_;
};

}  // namespace sluice::worker
