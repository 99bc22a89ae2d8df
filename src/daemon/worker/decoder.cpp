#include "daemon/worker/decoder.h"

#include <array>
#include <cstring>
#include <string>

#include "daemon/worker/fault.h"
#include "daemon/worker/rectangles.h"

namespace sluice::worker {
namespace {

constexpr std::uint16_t ops_end = 48;
constexpr std::uint64_t request_bytes_max = 64ull << 20;
constexpr std::string_view outside = "the data of a command is outside the arena";

template <typename T>
bool take(std::span<const std::byte> bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  return true;
}

Status wrong_length(wire::Op op) {
  return fault("command " + std::to_string(static_cast<int>(op)) + " has the wrong length");
}

}  // namespace

// The allow-list is CommandBody. What is not in it is a protocol fault.
Status CommandDecoder::decode(Bytes bytes, Command& command) {
  using Decode = Status (CommandDecoder::*)(Bytes, Command&);
  static constexpr auto table = []<typename... Fixed>(std::variant<Fixed...>*) {
    std::array<Decode, ops_end> rows{};
    ((rows.at(static_cast<std::size_t>(Fixed::op)) = &CommandDecoder::decode_as<Fixed>), ...);
    return rows;
  }(static_cast<CommandBody*>(nullptr));
  wire::CommandHeader header;
  if (!take(bytes, header) || header.bytes != bytes.size()) return fault("a command is cut short");
  const auto op = static_cast<std::size_t>(header.op);
  if (op >= table.size() || table[op] == nullptr) return fault("unknown command " + std::to_string(op));
  return (this->*table[op])(bytes, command);
}

template <typename Fixed>
Status CommandDecoder::decode_as(Bytes bytes, Command& command) {
  Fixed& fixed = command.body.emplace<Fixed>();
  if (!take(bytes, fixed)) return wrong_length(Fixed::op);
  Bytes trailing = bytes.subspan(sizeof fixed);
  command.arguments = {};
  command.data = {};
  if constexpr (requires { fixed.enqueue; }) {
    if (!take_waits(fixed.enqueue.wait_count, trailing, command)) return fault("an enqueued command is cut short");
    if (const std::uint64_t at = fixed.enqueue.event_at;
        at != wire::no_offset && arena_.slot<wire::EventSlot>(at) == nullptr)
      return fault("an event slot is outside the arena");
  } else {
    command.waits = {};
    if (!trailing.empty()) return wrong_length(Fixed::op);
  }
  if constexpr (requires { fixed.call; }) SLUICE_TRY(check_call(fixed.call));
  return check(fixed, trailing, command);
}

bool CommandDecoder::take_waits(std::uint32_t count, Bytes& trailing, Command& command) {
  if (count > wire::wait_list_max || trailing.size() < count * sizeof(ObjectId)) return false;
  waits_.resize(count);
  if (count != 0) std::memcpy(waits_.data(), trailing.data(), count * sizeof(ObjectId));
  command.waits = waits_;
  trailing = trailing.subspan(count * sizeof(ObjectId));
  return true;
}

Status CommandDecoder::check_call(const wire::CallHeader& call) const {
  const bool has_slot = arena_.slot<wire::ReplySlot>(call.reply_at) != nullptr;
  if (!has_slot || !arena_.range(call.data_at, call.data_bytes))
    return fault("a call's answer would be outside the arena");
  return Status();
}

// ---- objects ----

Status CommandDecoder::check(const wire::BufferCreate& create, Bytes, Command&) const {
  if (create.arena_at != wire::no_offset && !arena_.range(create.arena_at, create.bytes))
    return fault("a buffer is outside the arena");
  return Status();
}

// How long it is depends on its format, which the executor knows.
Status CommandDecoder::check(const wire::ImageCreate& create, Bytes, Command&) const {
  if (create.arena_at != wire::no_offset && !arena_.range(create.arena_at, 0))
    return fault("an image is outside the arena");
  return Status();
}

Status CommandDecoder::check(const wire::ProgramBuild& build, Bytes, Command&) const {
  if (build.request_bytes > request_bytes_max || !arena_.range(build.request_at, build.request_bytes))
    return fault("a build request is outside the arena, or too large");
  return Status();
}

Status CommandDecoder::check(const wire::QueueCreate& create, Bytes, Command&) const {
  if (arena_.slot<wire::TimelineSlot>(create.timeline_at) == nullptr)
    return fault("a queue's timeline is outside the arena");
  if (create.out_of_order > 1) return fault("a queue is neither in order nor out of order");
  return Status();
}

// ---- transfers ----

Status CommandDecoder::check(const wire::BufferWrite& write, Bytes trailing, Command& command) const {
  if (write.arena_at != wire::no_offset) return arena_.range(write.arena_at, write.bytes) ? Status() : fault(outside);
  if (write.bytes > wire::inline_write_bytes_max || write.bytes > trailing.size())
    return fault("a write has less data with it than it says");
  command.data = trailing.first(write.bytes);
  return Status();
}

Status CommandDecoder::check(const wire::BufferRead& read, Bytes, Command&) const {
  return arena_.range(read.arena_at, read.bytes) ? Status() : fault(outside);
}

Status CommandDecoder::check(const wire::BufferFill& fill, Bytes trailing, Command& command) const {
  if (fill.pattern_bytes > wire::fill_pattern_bytes_max || fill.pattern_bytes > trailing.size())
    return fault("a fill has no whole pattern");
  command.data = trailing.first(fill.pattern_bytes);
  return Status();
}

// Rows that are empty or too many are the program's mistake.
Status CommandDecoder::check_rows(const wire::BufferRect& rows) const {
  return arena_.range(rows.arena_at, packed_bytes(rows.region).value_or(0)) ? Status() : fault(outside);
}

Status CommandDecoder::check(const wire::BufferWriteRect& write, Bytes, Command&) const { return check_rows(write); }
Status CommandDecoder::check(const wire::BufferReadRect& read, Bytes, Command&) const { return check_rows(read); }

// ---- launches ----

Status CommandDecoder::check(const wire::KernelLaunch& launch, Bytes trailing, Command& command) {
  if (launch.argument_count > trailing.size() / sizeof(wire::KernelArgument))
    return fault("a launch has fewer arguments than it says");
  arguments_.resize(launch.argument_count);
  Bytes rest = trailing;
  for (LaunchArgument& argument : arguments_) {
    argument.value = trailing.size() - rest.size() + sizeof(wire::KernelArgument);
    if (!take_argument(rest, argument)) return fault("a launch has a malformed argument");
  }
  command.arguments = arguments_;
  command.data = trailing.first(trailing.size() - rest.size());
  return Status();
}

// Takes one record off `rest`. A kernel may reach all of the arena anyway: a pointer must only lie inside.
bool CommandDecoder::take_argument(Bytes& rest, LaunchArgument& argument) const {
  wire::KernelArgument record;
  if (!take(rest, record)) return false;
  rest = rest.subspan(sizeof record);
  argument.kind = record.value;
  argument.bytes = record.bytes;
  if (record.value == wire::ArgumentValue::local) return true;
  if (record.bytes > rest.size() || wire::round_up_8(record.bytes) > rest.size()) return false;
  const Bytes value = rest;
  rest = rest.subspan(wire::round_up_8(record.bytes));
  if (record.value == wire::ArgumentValue::bytes) return true;
  if (record.bytes < sizeof argument.value || !take(value, argument.value)) return false;
  if (record.value == wire::ArgumentValue::object) return true;
  return record.value == wire::ArgumentValue::pointer && record.bytes == sizeof argument.value &&
         arena_.range(argument.value, 0);
}

}  // namespace sluice::worker
