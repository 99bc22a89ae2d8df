#include "shim/arguments.h"

#include <cstring>
#include <utility>

#include "base/contract.h"

namespace sluice::shim {
namespace {

using wire::ArgumentKind;
using wire::ArgumentValue;
using wire::KernelArgument;

std::uint32_t expected_room(const wire::ArgumentTraits& argument) {
  switch (argument.kind) {
    case ArgumentKind::bytes: return sizeof(KernelArgument) + wire::round_up_8(argument.size_bytes);
    case ArgumentKind::memory:
    case ArgumentKind::sampler:
    case ArgumentKind::unknown: return sizeof(KernelArgument) + sizeof(wire::ObjectId);
    case ArgumentKind::local: return sizeof(KernelArgument);
  }
  return sizeof(KernelArgument);
}

}  // namespace

KernelArguments::KernelArguments(const wire::KernelTraits& traits)
    : unset_(static_cast<std::uint32_t>(traits.arguments.size())) {
  std::uint32_t at = 0;
  for (const wire::ArgumentTraits& argument : traits.arguments) {
    entries_.push_back({at, expected_room(argument), 0, false});
    at += entries_.back().room_bytes;
  }
  records_.resize(at);
}

bool KernelArguments::set_bytes(std::uint32_t index, std::span<const std::byte> value) {
  return set(index, {ArgumentValue::bytes, static_cast<std::uint32_t>(value.size())}, value);
}

bool KernelArguments::set_object(std::uint32_t index, wire::ObjectId id) {
  return set(index, {ArgumentValue::object, sizeof id}, std::as_bytes(std::span(&id, 1)));
}

bool KernelArguments::set_local(std::uint32_t index, std::uint32_t bytes) {
  if (!set(index, {ArgumentValue::local, bytes}, {})) return false;
  entries_[index].local_bytes = bytes;
  local_bytes_ += bytes;
  return true;
}

bool KernelArguments::set_pointer(std::uint32_t index, std::uint64_t arena_at) {
  return set(index, {ArgumentValue::pointer, sizeof arena_at}, std::as_bytes(std::span(&arena_at, 1)));
}

bool KernelArguments::set(std::uint32_t index, KernelArgument head, std::span<const std::byte> data) {
  SLUICE_REQUIRE_COSTLY(index < entries_.size());
  Entry& entry = entries_[index];
  const std::uint32_t room_bytes = sizeof head + wire::round_up_8(static_cast<std::uint32_t>(data.size()));
  if (entry.room_bytes != room_bytes && !resize(index, room_bytes)) return false;
  std::byte* record = records_.data() + entry.at;
  std::memcpy(record, &head, sizeof head);
  if (!data.empty()) std::memcpy(record + sizeof head, data.data(), data.size());
  local_bytes_ -= std::exchange(entry.local_bytes, 0);
  unset_ -= entry.set ? 0 : 1;
  entry.set = true;
  return true;
}

// Moves the records behind this one. Padding stays zero.
bool KernelArguments::resize(std::uint32_t index, std::uint32_t room_bytes) {
  Entry& entry = entries_[index];
  if (records_.size() - entry.room_bytes + room_bytes > argument_bytes_max) return false;
  const auto first = records_.begin() + entry.at;
  records_.insert(records_.erase(first, first + entry.room_bytes), room_bytes, std::byte{0});
  const std::uint32_t grown = room_bytes - entry.room_bytes;  // wraps around for less
  entry.room_bytes = room_bytes;
  for (std::uint32_t later = index + 1; later < entries_.size(); ++later) entries_[later].at += grown;
  return true;
}

}  // namespace sluice::shim
