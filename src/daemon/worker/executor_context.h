// What the executor's parts work on, and the places of the arena that a checked command names.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/contract.h"
#include "daemon/backends/backend.h"
#include "daemon/worker/builder.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/memory_account.h"
#include "daemon/worker/object_table.h"
#include "daemon/worker/tsan_annotations.h"
#include "wire/arena.h"

namespace sluice::worker {

// All outlive the executor.
struct ExecutorContext {
  backend::Device& device;
  wire::ArenaView arena;
  MemoryAccount& account;
  Completions& completions;
  Builder& builder;
  ObjectTable& objects;
  // Objects are made that another worker had made: the calls were answered there. May be null.
  const bool* replays = nullptr;

  // REQUIRES, of all three: the decoder has found the place inside the arena.
  std::span<std::byte> memory_at(std::uint64_t at, std::uint64_t bytes) const {
    acquire_arena();
    const auto range = arena.range(at, bytes);
    SLUICE_REQUIRE(range.has_value());
    return *range;
  }
  template <typename Slot>
  Slot* slot_at(std::uint64_t at) const {
    Slot* slot = acquire_slot(arena.slot<Slot>(at));
    SLUICE_REQUIRE(slot != nullptr);
    return slot;
  }
  // A command that is submitted now may write there.
  void note_written(ObjectId memory, std::uint64_t offset, std::uint64_t bytes) const {
    const MemoryEntry* entry = objects.find<MemoryEntry>(memory);
    if (entry != nullptr && entry->written != nullptr)
      entry->written->note(entry->origin + offset, std::min(bytes, entry->bytes));
  }
  void note_written(ObjectId memory) const { note_written(memory, 0, UINT64_MAX); }
  ReplyPlace reply_place(const wire::CallHeader& call) const {
    if (replays != nullptr && *replays) return {};
    return {slot_at<wire::ReplySlot>(call.reply_at), memory_at(call.data_at, call.data_bytes), completions.doorbell()};
  }
};

}  // namespace sluice::worker
