// A ring in plain memory, and commands whose bytes tell who sent them and when.
#pragma once

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "wire/ring.h"

namespace sluice::wire {

// Page-aligned zeroed memory of the size of a control mapping.
class ControlMemory {
 public:
  ControlMemory() : memory_(new (std::align_val_t{4096}) std::byte[control_bytes]()) {}
  ~ControlMemory() { ::operator delete[](memory_, std::align_val_t{4096}); }
  ControlMemory(const ControlMemory&) = delete;
  ControlMemory& operator=(const ControlMemory&) = delete;

  std::span<std::byte> bytes() const { return {memory_, control_bytes}; }
  ControlPage& page() const { return *reinterpret_cast<ControlPage*>(memory_); }
  std::byte* ring() const { return memory_ + ring_at; }

 private:
  std::byte* memory_;
};

// Fixed front of a test command; bytes derived from it follow.
struct Stamp {
  CommandHeader header;
  std::uint64_t sender = 0;
  std::uint64_t number = 0;
};

inline std::byte stamp_byte(const Stamp& stamp, std::size_t at) {
  return static_cast<std::byte>(stamp.sender * 131 + stamp.number * 31 + at);
}

inline std::vector<std::byte> stamped_command(std::uint64_t sender, std::uint64_t number, std::size_t trailing) {
  Stamp stamp;
  stamp.header.op = Op::marker;
  stamp.header.bytes = static_cast<std::uint32_t>(sizeof stamp + trailing / 8 * 8);
  stamp.sender = sender, stamp.number = number;
  std::vector<std::byte> bytes(stamp.header.bytes);
  std::memcpy(bytes.data(), &stamp, sizeof stamp);
  for (std::size_t at = sizeof stamp; at < bytes.size(); ++at) bytes[at] = stamp_byte(stamp, at);
  return bytes;
}

// The stamp of a received command; sender UINT64_MAX if any byte of it is wrong.
inline Stamp checked_stamp(std::span<const std::byte> command) {
  Stamp stamp, broken;
  broken.sender = UINT64_MAX;
  if (command.size() < sizeof stamp) return broken;
  std::memcpy(&stamp, command.data(), sizeof stamp);
  if (stamp.header.bytes != command.size()) return broken;
  for (std::size_t at = sizeof stamp; at < command.size(); ++at)
    if (command[at] != stamp_byte(stamp, at)) return broken;
  return stamp;
}

}  // namespace sluice::wire
