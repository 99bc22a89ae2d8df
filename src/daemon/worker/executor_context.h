// What the executor's parts work on, and the places of the arena that a checked command names.
#pragma once

#include <cstdint>
#include <span>

#include "base/contract.h"
#include "daemon/backends/backend.h"
#include "daemon/worker/builder.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/memory_books.h"
#include "daemon/worker/object_table.h"
#include "daemon/worker/other_side.h"
#include "wire/arena.h"

namespace sluice::worker {

// All outlive the executor.
struct ExecutorContext {
  backend::Device& device;
  wire::ArenaView arena;
  MemoryBooks& books;
  Completions& completions;
  Builder& builder;
  ObjectTable& objects;

  // REQUIRES, of all three: the decoder has found the place inside the arena.
  std::span<std::byte> memory_at(std::uint64_t at, std::uint64_t bytes) const {
    take_over_memory();
    const auto range = arena.range(at, bytes);
    SLUICE_REQUIRE(range.has_value());
    return *range;
  }
  template <typename Slot>
  Slot* slot_at(std::uint64_t at) const {
    Slot* slot = handed_over(arena.slot<Slot>(at));
    SLUICE_REQUIRE(slot != nullptr);
    return slot;
  }
  ReplyPlace reply_place(const wire::CallHeader& call) const {
    return {slot_at<wire::ReplySlot>(call.reply_at), memory_at(call.data_at, call.data_bytes)};
  }
};

}  // namespace sluice::worker
