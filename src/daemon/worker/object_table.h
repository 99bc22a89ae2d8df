// ObjectTable: what the ids of a session stand for.
//
// The shim mints ids; a wrong one is the program's error, one that is used twice is a broken protocol. An object that
// could not be made still takes its id, with the outcome that says why: whatever uses it later fails with that outcome.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>

#include "daemon/backends/backend.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/host_budget.h"
#include "daemon/worker/memory_books.h"
#include "daemon/worker/rectangles.h"

namespace sluice::worker {

using wire::ObjectId;
using wire::Outcome;

struct MemoryEntry {
  Outcome outcome = Outcome::ok;
  std::unique_ptr<backend::Memory> memory;
  ChargeRef charge;         // a part of another object shares that object's
  std::uint64_t bytes = 0;  // of a buffer
  bool is_image = false;
  bool is_part = false;  // a sub-buffer, or an image over a buffer
  ImageExtent extent;    // of an image
};

struct SamplerEntry {
  Outcome outcome = Outcome::ok;
  std::unique_ptr<backend::Sampler> sampler;
};

// A program is filled in by a builder thread, and may be in use by others while the table drops it.
struct ProgramSlot {
  std::atomic<bool> built{false};  // released by the builder, last
  std::unique_ptr<backend::Program> program;
  std::string undelivered;  // an answer that did not fit into the room the program gave
  HostCharge source_charge, answer_charge;
};
struct ProgramEntry {
  std::shared_ptr<ProgramSlot> slot = std::make_shared<ProgramSlot>();
  backend::Program* program() const {
    return slot->built.load(std::memory_order_acquire) ? slot->program.get() : nullptr;  // pairs with Builder
  }
};

struct KernelEntry {
  Outcome outcome = Outcome::ok;
  std::unique_ptr<backend::Kernel> kernel;
};

struct QueueEntry {
  Outcome outcome = Outcome::ok;
  std::unique_ptr<backend::Queue> queue;
  QueueProgress* progress = nullptr;
  bool unflushed = false;
  bool out_of_order = false;
  // Of its held commands, those that wait for something else than the gate.
  std::uint32_t blocked = 0, blocked_barriers = 0;
};

struct EventEntry {
  Outcome outcome = Outcome::ok;
  std::unique_ptr<backend::Event> event;  // null: its command was never submitted
  bool user = false;
  bool pending = false;  // a user event that is not set, or a command that waits, if only at second hand, for one
};

using Entry = std::variant<MemoryEntry, SamplerEntry, ProgramEntry, KernelEntry, QueueEntry, EventEntry>;

// What one needs in this process, its driver's part with it, by the order of Entry; of a program without its source.
inline constexpr std::array<std::uint64_t, std::variant_size_v<Entry>> host_bytes{1024, 512, 32768, 8192, 65536, 512};

template <typename T, std::size_t At = 0>
constexpr std::size_t entry_index() {
  if constexpr (std::is_same_v<T, std::variant_alternative_t<At, Entry>>) return At;
  else return entry_index<T, At + 1>();
}

class ObjectTable {
 public:
  // bytes_max: what the objects may need of this process, by the estimates below.
  explicit ObjectTable(std::uint64_t bytes_max = HostLimits().objects) : bytes_max_(bytes_max) {
    entries_.reserve(1024);
  }

  // Null: the id is 0, was used before and is still held, or there is no room. The place of an entry never changes.
  template <typename T>
  T* insert(ObjectId id, T entry) {
    if (id == 0 || !has_room<T>()) return nullptr;
    const auto [at, fresh] = entries_.try_emplace(id, std::move(entry));
    if (!fresh) return nullptr;
    bytes_ += host_bytes[at->second.index()];
    return std::get_if<T>(&at->second);
  }
  // Is there room for one more of these?
  template <typename T>
  bool has_room() const {
    return host_bytes[entry_index<T>()] <= bytes_max_ - bytes_;
  }

  // Null: the id names nothing of this kind.
  template <typename T>
  T* find(ObjectId id) {
    const auto at = entries_.find(id);
    return at == entries_.end() ? nullptr : std::get_if<T>(&at->second);
  }
  Entry* find_any(ObjectId id) {
    const auto at = entries_.find(id);
    return at == entries_.end() ? nullptr : &at->second;
  }

  void erase(ObjectId id) {
    const auto at = entries_.find(id);
    if (at == entries_.end()) return;
    bytes_ -= host_bytes[at->second.index()];
    entries_.erase(at);
  }
  std::size_t size() const { return entries_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  const std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::unordered_map<ObjectId, Entry> entries_;
};

}  // namespace sluice::worker
