// Region: memory that both sides of a session have mapped, as one side sees it.
//
// Where both run under one kernel it is a sealed memfd (shared_memory.h), which the region then owns. Elsewhere it is a
// mapping that its provider made and keeps, for example of a device's memory: no descriptor, no seals. In both cases
// the peer may write any byte at any moment. Not thread-safe, but for the memory itself and discard().
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "wire/transport/shared_memory.h"

namespace sluice::wire {

class Region {
 public:
  Region() = default;
  explicit Region(SharedMemory memory) : memory_(std::move(memory)), bytes_(memory_.bytes()) {}
  // `mapped` stays mapped for as long as the region lives.
  explicit Region(std::span<std::byte> mapped) : bytes_(mapped) {}

  std::byte* data() const { return bytes_.data(); }
  std::size_t size() const { return bytes_.size(); }
  std::span<std::byte> bytes() const { return bytes_; }

  // Gives the pages of a page-aligned range back to the system; they read as zero afterwards. Memory without a
  // descriptor keeps them, and what they hold.
  void discard(std::size_t offset, std::size_t bytes) const { memory_.discard(offset, bytes); }

 private:
  SharedMemory memory_;  // empty: the mapping is not ours
  std::span<std::byte> bytes_;
};

}  // namespace sluice::wire
