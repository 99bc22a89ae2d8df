#include "daemon/worker/command.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace sluice::worker {
namespace {

template <typename... Ids>
std::array<ObjectId, sizeof...(Ids)> ids(Ids... each) {
  return {each...};
}

// The objects that a command's fixed part names, beside its queue and its own event.
auto operands(const wire::BufferCreate&) { return ids(); }
auto operands(const wire::SubBufferCreate& c) { return ids(c.parent); }
auto operands(const wire::ImageCreate& c) { return ids(c.buffer); }
auto operands(const wire::SamplerCreate&) { return ids(); }
auto operands(const wire::ProgramBuild&) { return ids(); }
auto operands(const wire::ProgramBinary& c) { return ids(c.id); }
auto operands(const wire::KernelCreate& c) { return ids(c.program); }
auto operands(const wire::KernelArgumentCheck& c) { return ids(c.kernel); }
auto operands(const wire::QueueCreate&) { return ids(); }
auto operands(const wire::UserEventCreate&) { return ids(); }
auto operands(const wire::UserEventSet& c) { return ids(c.id); }
auto operands(const wire::ObjectRelease& c) { return ids(c.id); }
auto operands(const wire::BufferWrite& c) { return ids(c.buffer); }
auto operands(const wire::BufferRead& c) { return ids(c.buffer); }
auto operands(const wire::BufferCopy& c) { return ids(c.src, c.dst); }
auto operands(const wire::BufferFill& c) { return ids(c.buffer); }
auto operands(const wire::BufferRect& c) { return ids(c.buffer); }
auto operands(const wire::BufferCopyRect& c) { return ids(c.src, c.dst); }
auto operands(const wire::ImageTransfer& c) { return ids(c.image); }
auto operands(const wire::ImageCopy& c) { return ids(c.src, c.dst); }
auto operands(const wire::ImageFill& c) { return ids(c.image); }
auto operands(const wire::ImageBufferCopy& c) { return ids(c.image, c.buffer); }
auto operands(const wire::KernelLaunch& c) { return ids(c.kernel); }
auto operands(const wire::Marker&) { return ids(); }
auto operands(const wire::Barrier&) { return ids(); }

template <typename T>
std::byte* put(std::byte* at, std::span<const T>& part) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (!part.empty()) std::memcpy(at, part.data(), part.size_bytes());
  part = {reinterpret_cast<const T*>(at), part.size()};
  return at + part.size_bytes();
}

}  // namespace

static_assert(std::is_trivially_copyable_v<Command>);

wire::Op Command::op() const {
  return std::visit([](const auto& fixed) { return std::remove_cvref_t<decltype(fixed)>::op; }, body);
}

const wire::EnqueueHeader* enqueue_header(const Command& command) {
  return std::visit(
      [](const auto& fixed) -> const wire::EnqueueHeader* {
        if constexpr (requires { fixed.enqueue; }) return &fixed.enqueue;
        else return nullptr;
      },
      command.body);
}

bool is_sync_point(const Command& command) {
  return command.op() == wire::Op::barrier || command.op() == wire::Op::marker;
}

bool waits_for_all(const Command& command) { return is_sync_point(command) && command.waits.empty(); }

bool refers_to(const Command& command, ObjectId id) {
  const auto is_it = [id](ObjectId other) { return other == id; };
  if (const wire::EnqueueHeader* header = enqueue_header(command))
    if (header->queue == id || header->event == id) return true;
  if (std::any_of(command.waits.begin(), command.waits.end(), is_it)) return true;
  const auto is_argument = [id](const LaunchArgument& argument) {
    return argument.kind == wire::ArgumentValue::object && argument.value == id;
  };
  if (std::any_of(command.arguments.begin(), command.arguments.end(), is_argument)) return true;
  return std::visit(
      [&](const auto& fixed) {
        const auto named = operands(fixed);
        return std::any_of(named.begin(), named.end(), is_it);
      },
      command.body);
}

namespace {

const wire::CommandHeader& header_of(const CommandBody& body) {
  return std::visit(
      [](const auto& fixed) -> const wire::CommandHeader& {
        return reinterpret_cast<const wire::CommandHeader&>(fixed);
      },
      body);
}

void append(std::vector<std::byte>& bytes, std::span<const std::byte> part) {
  bytes.insert(bytes.end(), part.begin(), part.end());
}

}  // namespace

std::vector<std::byte> to_bytes(const Command& command) {
  std::vector<std::byte> bytes;
  std::visit([&](const auto& fixed) { append(bytes, std::as_bytes(std::span(&fixed, 1))); }, command.body);
  append(bytes, std::as_bytes(command.waits));
  append(bytes, command.data);
  bytes.resize(header_of(command.body).bytes);  // padding
  return bytes;
}

std::vector<std::byte> to_bytes(const CommandBody& creation) {
  Command command{creation, {}, {}, {}};
  std::visit(
      [](auto& fixed) {
        if constexpr (requires { fixed.call; }) fixed.call.reply_at = fixed.call.data_at = fixed.call.data_bytes = 0;
        if constexpr (requires { fixed.request_at; }) fixed.request_at = fixed.request_bytes = 0;
      },
      command.body);
  return to_bytes(command);
}

std::size_t KeptCommand::trailing_bytes(const Command& command) {
  return command.waits.size_bytes() + command.arguments.size_bytes() + command.data.size_bytes();
}

// The parts of 8-byte words first, so that each lies on its boundary.
KeptCommand::KeptCommand(const Command& command) : command_(command) {
  const std::size_t bytes = trailing_bytes(command);
  if (bytes == 0) return;
  storage_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
  put(put(put(storage_.get(), command_.waits), command_.arguments), command_.data);
}

}  // namespace sluice::worker
