#include "shim/session_arena.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/contract.h"

namespace sluice::shim {
namespace {

constexpr std::uint64_t slot_bytes = 64;

}  // namespace

SessionArena::SessionArena(wire::Region memory, std::uint64_t beside_bytes_max, const std::atomic<bool>& lost)
    : memory_(std::move(memory)), lost_(lost), allocator_(memory_.size(), beside_bytes_max) {}

std::optional<std::uint64_t> SessionArena::offset_of(const void* memory, std::size_t bytes) const {
  const auto at = reinterpret_cast<std::uintptr_t>(memory), first = reinterpret_cast<std::uintptr_t>(memory_.data());
  if (at < first || at - first > memory_.size() || bytes > memory_.size() - (at - first)) return std::nullopt;
  return at - first;
}

// ---- ranges ----

std::optional<std::uint64_t> SessionArena::allocate(std::uint64_t bytes, wire::ArenaAllocator::Use use) {
  if (lost() || bytes == 0) return std::nullopt;
  const std::lock_guard lock(books_);
  const std::uint64_t used_before = allocator_.used_bytes();
  const auto at = allocator_.allocate(bytes, use);
  const std::uint64_t taken = allocator_.used_bytes() - used_before;
  // Best fit finds recycled memory first, so it is taken to be such for as long as there is some.
  idle_resident_bytes_ -= std::min(idle_resident_bytes_, taken);
  return at;
}

void SessionArena::release(std::uint64_t at) {
  if (lost()) return;
  const std::lock_guard lock(books_);
  const std::uint64_t used_before = allocator_.used_bytes();
  const auto [gap_at, gap_bytes] = allocator_.release(at);
  idle_resident_bytes_ += used_before - allocator_.used_bytes();
  // Some released memory stays resident, to be used again without page faults.
  if (idle_resident_bytes_ <= wire::arena_idle_bytes_max) return;
  const std::uint64_t first = (gap_at + wire::page_bytes - 1) / wire::page_bytes * wire::page_bytes;
  const std::uint64_t end = (gap_at + gap_bytes) / wire::page_bytes * wire::page_bytes;
  if (end <= first) return;
  memory_.discard(first, end - first);
  idle_resident_bytes_ -= std::min(idle_resident_bytes_, end - first);
}

// What lies beside objects in the arena is bounded, and many threads that build at once want more than that. A thread
// that has room for an answer posts its call, and gives the room back after the answer. So waiting for those ends, and
// without any of them there is nothing to wait for.
std::optional<std::uint64_t> SessionArena::allocate_in_turn(std::uint64_t bytes, std::size_t answers) {
  constexpr std::chrono::milliseconds look_again(100);  // transfers give room back, too, and notify no one
  std::unique_lock lock(turns_);
  for (;;) {
    const auto at = allocate(bytes);
    if (at) answers_ += answers;
    if (at || answers_ == 0 || lost()) return at;
    answer_released_.wait_for(lock, look_again);
  }
}

void SessionArena::release_answer(std::uint64_t at) {
  release(at);
  {
    const std::lock_guard lock(turns_);
    SLUICE_INVARIANT(answers_ > 0);
    --answers_;
  }
  answer_released_.notify_all();
}

// ---- slots ----

std::optional<std::uint64_t> SessionArena::take_slot() {
  if (free_slots_.empty()) {
    const auto page = allocator_.allocate(wire::page_bytes);
    if (!page) return std::nullopt;
    for (std::uint64_t at = *page + wire::page_bytes; at > *page; at -= slot_bytes)
      free_slots_.push_back(at - slot_bytes);
  }
  const std::uint64_t at = free_slots_.back();
  free_slots_.pop_back();
  return at;
}

template <typename Slot>
Slot* SessionArena::make_slot(std::uint64_t& at, Slots* noted_in) {
  static_assert(sizeof(Slot) == slot_bytes);
  if (lost()) return nullptr;
  const std::lock_guard lock(books_);
  const auto taken = take_slot();
  if (!taken) return nullptr;
  at = *taken;
  std::memset(this->at(at), 0, slot_bytes);
  if (noted_in != nullptr) noted_in->insert(at);
  return reinterpret_cast<Slot*>(this->at(at));
}

void SessionArena::drop_slot(std::uint64_t at, Slots* noted_in) {
  if (lost()) return;
  const std::lock_guard lock(books_);
  if (noted_in != nullptr) noted_in->erase(at);
  free_slots_.push_back(at);
}

wire::TimelineSlot* SessionArena::make_timeline(std::uint64_t& at) {
  return make_slot<wire::TimelineSlot>(at, &timelines_);
}

void SessionArena::drop_timeline(std::uint64_t at) { drop_slot(at, &timelines_); }

wire::EventSlot* SessionArena::make_event_slot(std::uint64_t& at) { return make_slot<wire::EventSlot>(at, nullptr); }

wire::ReplySlot* SessionArena::make_reply(std::uint64_t& at) { return make_slot<wire::ReplySlot>(at, &replies_); }

void SessionArena::drop_reply(std::uint64_t at) { drop_slot(at, &replies_); }

void SessionArena::wake_all(wire::Doorbell doorbell) {
  const std::lock_guard lock(books_);
  for (const std::uint64_t offset : timelines_)
    wire::wake_waiters(*reinterpret_cast<wire::TimelineSlot*>(at(offset)), doorbell);
  for (const std::uint64_t offset : replies_)
    wire::lose_reply(*reinterpret_cast<wire::ReplySlot*>(at(offset)), doorbell);
}

}  // namespace sluice::shim
