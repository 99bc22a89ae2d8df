// ObjectTable: what the ids of a session stand for, and how each object was made.
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

#include "base/contract.h"
#include "daemon/backends/backend.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/creation_record.h"
#include "daemon/worker/host_budget.h"
#include "daemon/worker/memory_account.h"
#include "daemon/worker/rectangles.h"
#include "daemon/worker/written_ranges.h"

namespace sluice::worker {

using wire::ObjectId;
using wire::Outcome;

struct MemoryEntry {
  Outcome outcome = Outcome::ok;
  std::unique_ptr<backend::Memory> memory;
  ChargeRef charge;  // a part of another object shares that object's
  std::uint64_t bytes = 0;
  bool is_image = false;
  bool is_part = false;                    // a sub-buffer, or an image over a buffer
  ImageExtent extent;                      // of an image
  std::uint32_t access = 0;                // wire::MemoryAccess bits
  std::shared_ptr<WrittenRanges> written;  // of the object that has the memory; null: it lies in the arena
  std::uint64_t origin = 0;                // in that object
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
  HostCharge answer_charge;
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
  InFlightRef command;                    // none: a user event, or its command never got a place in a queue
  bool user = false;
  bool pending = false;  // a user event that is not set, or a command that waits, if only at second hand, for one
  bool failed = false;   // a user event that was set so
  bool elsewhere =
      false;  // its command has ended in another worker, with `outcome`: this one's driver does not know it
};

using Entry = std::variant<MemoryEntry, SamplerEntry, ProgramEntry, KernelEntry, QueueEntry, EventEntry>;

// What one needs in this process, its driver's part with it, by the order of Entry; of a program without its source, of
// none with its record.
inline constexpr std::array<std::uint64_t, std::variant_size_v<Entry>> host_bytes{1024, 512, 32768, 8192, 65536, 512};

template <typename T, std::size_t At = 0>
constexpr std::size_t entry_index() {
  if constexpr (std::is_same_v<T, std::variant_alternative_t<At, Entry>>) return At;
  else return entry_index<T, At + 1>();
}

class ObjectTable {
 public:
  // bytes_max: what the objects may need of this process, by the estimates below.
  explicit ObjectTable(std::uint64_t bytes_max = HostLimits().objects) : bytes_max_(bytes_max) { slots_.reserve(1024); }

  // Null: the id is 0, was used before and is still held, or there is no room. The place of an entry never changes.
  template <typename T>
  T* insert(ObjectId id, T entry) {
    if (id == 0 || !has_room_for(kind_bytes<T>())) return nullptr;
    const auto [at, fresh] = slots_.try_emplace(id, std::move(entry));
    if (!fresh) return nullptr;
    entry_bytes_ += kind_bytes<T>();
    SLUICE_INVARIANT(bytes() <= bytes_max_);
    return std::get_if<T>(&at->second.entry);
  }
  // With the record of how it was made, for objects that can be made again.
  template <typename T>
  T* insert(ObjectId id, T entry, Creation creation) {
    if (!has_room_for(kind_bytes<T>() + CreationRecord::bytes_of(creation))) return nullptr;
    T* kept = insert(id, std::move(entry));
    if (kept != nullptr)
      slots_.find(id)->second.record =
          std::make_shared<const CreationRecord>(id, ++created_, std::move(creation), record_bytes_);
    return kept;
  }
  // Is there room for one more of these, with its record?
  template <typename T>
  bool has_room() const {
    return has_room_for(kind_bytes<T>() + CreationRecord::host_bytes);
  }

  // Null: the id names nothing of this kind.
  template <typename T>
  T* find(ObjectId id) {
    const auto at = slots_.find(id);
    return at == slots_.end() ? nullptr : std::get_if<T>(&at->second.entry);
  }
  Entry* find_any(ObjectId id) {
    const auto at = slots_.find(id);
    return at == slots_.end() ? nullptr : &at->second.entry;
  }
  const Entry* find_any(ObjectId id) const {
    const auto at = slots_.find(id);
    return at == slots_.end() ? nullptr : &at->second.entry;
  }
  // How the object was made. Null: the id names nothing, or the event of a command.
  RecordRef record(ObjectId id) const {
    const auto at = slots_.find(id);
    return at == slots_.end() ? nullptr : at->second.record;
  }
  // check(ObjectId, const Entry&, const RecordRef&), in no order.
  template <typename Check>
  void for_each(Check check) const {
    for (const auto& [id, slot] : slots_) check(id, slot.entry, slot.record);
  }

  // The record stays for as long as one of another object needs it.
  void erase(ObjectId id) {
    const auto at = slots_.find(id);
    if (at == slots_.end()) return;
    entry_bytes_ -= host_bytes[at->second.entry.index()];
    slots_.erase(at);
  }
  std::size_t size() const { return slots_.size(); }
  // Of entries and records; those of released objects that others are made from with them.
  std::uint64_t bytes() const { return entry_bytes_ + record_bytes_; }

 private:
  struct Slot {
    explicit Slot(Entry object) : entry(std::move(object)) {}
    Entry entry;
    RecordRef record;
  };
  template <typename T>
  static constexpr std::uint64_t kind_bytes() {
    return host_bytes[entry_index<T>()];
  }
  bool has_room_for(std::uint64_t bytes) const { return bytes <= bytes_max_ && this->bytes() <= bytes_max_ - bytes; }

  const std::uint64_t bytes_max_;
  std::uint64_t entry_bytes_ = 0, record_bytes_ = 0;
  std::uint64_t created_ = 0;
  std::unordered_map<ObjectId, Slot> slots_;  // its records count down record_bytes_
};

}  // namespace sluice::worker
