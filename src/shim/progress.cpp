#include "shim/progress.h"

#include <algorithm>

namespace sluice::shim {
namespace {

// How long a call waits for memory that commands in flight still hold.
constexpr Nanoseconds room_ns_max = 2 * ns_per_s;

}  // namespace

bool Fence::passed() const {
  return std::all_of(points.begin(), points.end(), [](const Point& point) {
    return point.lane->out_of_order() ? point.lane->idle() : point.lane->completed() >= point.target;
  });
}

// ---- lanes ----

std::shared_ptr<Lane> Progress::make_lane(bool out_of_order, std::uint64_t& timeline_at) {
  wire::TimelineSlot* timeline = session_.arena().make_timeline(timeline_at);
  if (timeline == nullptr) return nullptr;
  auto lane = std::make_shared<Lane>(session_, *timeline, timeline_at, out_of_order);
  std::lock_guard lock(lock_);
  lanes_.push_back(lane);
  return lane;
}

void Progress::retire_lane(std::shared_ptr<Lane> lane) {
  if (lost()) return;
  std::lock_guard lock(lock_);
  lane->retired_ = true;
  free_ended_locked();
}

// ---- reads ----

void Progress::add_read(Lane& lane, const PendingRead& read) {
  if (lost()) return;
  std::lock_guard lock(lock_);
  // Two threads may add their reads in another order than they posted them in.
  const auto later = [](std::uint64_t sequence, const PendingRead& other) { return sequence < other.sequence; };
  lane.reads_.insert(std::upper_bound(lane.reads_.begin(), lane.reads_.end(), read.sequence, later), read);
  unsettled_.fetch_add(1, std::memory_order_release);
}

void Progress::settle_all() {
  if (lost()) return;
  {
    std::lock_guard lock(lock_);
    settle_locked();
  }
  if (expects_output_.load(std::memory_order_acquire)) session_.show_output();
}

void Progress::expect_output() {
  if (!expects_output_.exchange(true, std::memory_order_acq_rel)) unsettled_.fetch_add(1, std::memory_order_release);
}

void Progress::finish_read(const PendingRead& read) {
  if (read.slot->stage.load(std::memory_order_acquire) == 0) read.copy.run();
  if (read.staging_at != wire::no_offset) session_.arena().release(read.staging_at);
  if (read.slot_at != wire::no_offset) session_.arena().drop_event_slot(read.slot_at);
  // Last: a thread that sees no unsettled read takes the data for being there. Pairs with settle().
  unsettled_.fetch_sub(1, std::memory_order_release);
}

void Progress::settle_locked() {
  for (const auto& lane : lanes_) {
    if (lane->out_of_order_) settle_out_of_order_locked(*lane);
    else settle_in_order_locked(*lane);
  }
}

void Progress::settle_in_order_locked(Lane& lane) {
  auto& reads = lane.reads_;
  while (!reads.empty() && lane.ended(reads.front().sequence, reads.front().slot)) {
    finish_read(reads.front());
    reads.pop_front();
  }
}

void Progress::settle_out_of_order_locked(Lane& lane) {
  std::erase_if(lane.reads_, [&](const PendingRead& read) {
    if (!lane.ended(read.sequence, read.slot)) return false;
    finish_read(read);
    return true;
  });
}

bool Progress::reads_into_locked(const std::byte* memory, std::size_t bytes) const {
  const auto overlaps = [&](const PendingRead& read) {
    return read.copy.to < memory + bytes && memory < read.copy.to + read.copy.reach();
  };
  return std::any_of(lanes_.begin(), lanes_.end(), [&](const std::shared_ptr<Lane>& lane) {
    return std::any_of(lane->reads_.begin(), lane->reads_.end(), overlaps);
  });
}

bool Progress::reads_into(const std::byte* memory, std::size_t bytes) {
  if (lost() || unsettled_.load(std::memory_order_acquire) == 0) return false;
  std::lock_guard lock(lock_);
  settle_locked();
  return reads_into_locked(memory, bytes);
}

bool Progress::wait_for_reads_into(const std::byte* memory, std::size_t bytes) {
  return wait_until([&] { return !reads_into(memory, bytes); });
}

// ---- memory that is freed later ----

void Progress::free_after(Lane& lane, std::uint64_t sequence, const wire::EventSlot* slot, std::uint64_t arena_at) {
  defer_free(lane, {sequence, slot, arena_at, false});
}

void Progress::free_slot_after(Lane& lane, std::uint64_t sequence, const wire::EventSlot* slot, std::uint64_t slot_at) {
  defer_free(lane, {sequence, slot, slot_at, true});
}

void Progress::defer_free(Lane& lane, const Lane::DeferredFree& entry) {
  if (lost()) return;
  std::lock_guard lock(lock_);
  lane.frees_.push_back(entry);
  free_ended_locked(lane);
}

void Progress::free(const Lane::DeferredFree& entry) {
  if (entry.is_slot) session_.arena().drop_event_slot(entry.at);
  else session_.arena().release(entry.at);
}

// Stops at the first entry whose command still runs: the others are younger.
void Progress::free_ended_locked(Lane& lane) {
  auto& frees = lane.frees_;
  while (!frees.empty() && lane.ended(frees.front().sequence, frees.front().slot)) {
    // A read looks at its slot when it is settled. Asked each time: it may have ended since the last look.
    settle_if_any_locked();
    free(frees.front());
    frees.pop_front();
  }
}

void Progress::free_ended_locked() {
  for (const auto& lane : lanes_) free_ended_locked(*lane);
  std::erase_if(lanes_, [](const std::shared_ptr<Lane>& lane) {
    return lane->retired_ && lane->idle() && lane->frees_.empty() && lane->reads_.empty();
  });
  while (!frees_.empty() && frees_.front().fence.passed()) {
    settle_if_any_locked();  // a read may still be copied out of it
    if (frees_.front().arena_at != wire::no_offset) session_.arena().release(frees_.front().arena_at);
    frees_.pop_front();
  }
}

Fence Progress::fence_locked() const {
  Fence fence;
  for (const auto& lane : lanes_)
    if (!lane->idle()) fence.points.push_back({lane, lane->posted()});
  return fence;
}

Fence Progress::fence() {
  if (lost()) return {};
  std::lock_guard lock(lock_);
  return fence_locked();
}

void Progress::free_after_all(std::uint64_t arena_at) {
  if (lost()) return;
  std::lock_guard lock(lock_);
  free_ended_locked();
  Fence fence = fence_locked();
  if (!fence.points.empty()) {
    frees_.push_back({std::move(fence), arena_at});
    return;
  }
  settle_if_any_locked();
  if (arena_at != wire::no_offset) session_.arena().release(arena_at);
}

std::optional<std::uint64_t> Progress::make_room(std::uint64_t bytes, wire::ArenaAllocator::Use use) {
  if (lost()) return std::nullopt;
  {
    std::lock_guard lock(lock_);
    free_ended_locked();
  }
  if (const auto at = session_.arena().allocate(bytes, use)) return at;
  std::optional<std::uint64_t> at;
  wait_until(
      [&] {
        std::lock_guard lock(lock_);
        settle_locked();
        free_ended_locked();
        at = session_.arena().allocate(bytes, use);
        return at.has_value() || fence_locked().points.empty();
      },
      now_ns() + room_ns_max);
  return at;
}

void Progress::wait_for_frees() {
  if (lost()) return;
  Fence fence;
  {
    std::lock_guard lock(lock_);
    free_ended_locked();
    if (frees_.empty()) return;
    fence = frees_.back().fence;
  }
  wait_until([&] { return fence.passed(); }, now_ns() + room_ns_max);
  std::lock_guard lock(lock_);
  settle_locked();
  free_ended_locked();
}

}  // namespace sluice::shim
