#include "shim/opencl/progress.h"

#include <algorithm>

namespace sluice::opencl {
namespace {

// How long a call waits for memory that is about to come free.
constexpr Nanoseconds room_ns_max = 2 * ns_per_s;

// So many commands beyond the awaited one are far ahead; so long may the news of its end take then.
constexpr std::uint64_t far_ahead = 8;
constexpr Nanoseconds late_ns_max = 100 * ns_per_us;

}  // namespace

// ---- one lane ----

Lane::Lane(shim::Session& session, wire::TimelineSlot& timeline, std::uint64_t timeline_at, bool out_of_order)
    : session_(session), timeline_(timeline), timeline_at_(timeline_at), out_of_order_(out_of_order) {}

Lane::~Lane() { session_.drop_timeline(timeline_at_); }

bool Lane::ended(std::uint64_t sequence, const wire::EventSlot* slot) const {
  if (!out_of_order_) return completed() >= sequence;
  if (slot == nullptr) return idle();
  return slot->stage.load(std::memory_order_acquire) <= 0;  // pairs with publish_event
}

bool Lane::wait(std::uint64_t sequence) {
  if (completed() >= sequence) return true;
  const std::uint64_t ahead = posted() - sequence;
  const std::atomic<bool>& lost = session_.lost_flag();
  if (out_of_order_ || ahead < far_ahead) return wire::wait_completed(timeline_, sequence, lost);
  const Nanoseconds late_ns = now_ns() + late_ns_max;
  if (short_waits_.pays()) wire::wait_completed(timeline_, sequence + ahead / 2, lost, late_ns, nullptr, false);
  const bool ended = completed() >= sequence;
  const bool reached = wire::wait_completed(timeline_, sequence, lost, wire::no_deadline, nullptr, false);
  short_waits_.note(ended || now_ns() < late_ns);
  return reached;
}

bool Fence::passed() const {
  return std::all_of(points.begin(), points.end(), [](const Point& point) {
    return point.lane->out_of_order() ? point.lane->idle() : point.lane->completed() >= point.target;
  });
}

// ---- the session's ----

Progress& Progress::of(shim::Session& session) {
  // Nearly always one: a forked child has its parent's as well. Never freed, as sessions are not.
  static std::atomic<Progress*> first{nullptr};
  for (;;) {
    Progress* head = first.load(std::memory_order_acquire);
    for (Progress* known = head; known != nullptr; known = known->next_)
      if (&known->session_ == &session) return *known;
    auto* made = new Progress(session, head);
    if (first.compare_exchange_strong(head, made, std::memory_order_acq_rel)) return *made;
    delete made;
  }
}

std::shared_ptr<Lane> Progress::make_lane(bool out_of_order, std::uint64_t& timeline_at) {
  wire::TimelineSlot* timeline = session_.make_timeline(timeline_at);
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
  collect_locked();
}

// ---- reads ----

void Progress::add_read(Lane& lane, const PendingRead& read) {
  if (lost()) return;
  std::lock_guard lock(lock_);
  // Two threads may come here in another order than they posted in.
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
  if (read.staging_at != wire::nowhere) session_.release(read.staging_at);
  if (read.slot_at != wire::nowhere) session_.drop_event_slot(read.slot_at);
  // Only now: whoever sees no read outstanding takes the data for being there. Pairs with settle().
  unsettled_.fetch_sub(1, std::memory_order_release);
}

void Progress::settle_locked() {
  for (const auto& lane : lanes_) {
    auto& reads = lane->reads_;
    if (lane->out_of_order_) {
      for (auto read = reads.begin(); read != reads.end();) {
        if (!lane->ended(read->sequence, read->slot)) {
          ++read;
          continue;
        }
        finish_read(*read);
        read = reads.erase(read);
      }
      continue;
    }
    while (!reads.empty() && lane->ended(reads.front().sequence, reads.front().slot)) {
      finish_read(reads.front());
      reads.pop_front();
    }
  }
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

// ---- memory that comes free later ----

void Progress::free_after(Lane& lane, std::uint64_t sequence, const wire::EventSlot* slot, std::uint64_t arena_at) {
  add_garbage(lane, {sequence, slot, arena_at, false});
}

void Progress::free_slot_after(Lane& lane, std::uint64_t sequence, const wire::EventSlot* slot, std::uint64_t slot_at) {
  add_garbage(lane, {sequence, slot, slot_at, true});
}

void Progress::add_garbage(Lane& lane, const Lane::Garbage& garbage) {
  if (lost()) return;
  std::lock_guard lock(lock_);
  lane.garbage_.push_back(garbage);
  collect_lane_locked(lane);
}

void Progress::drop(const Lane::Garbage& garbage) {
  if (garbage.is_slot) session_.drop_event_slot(garbage.at);
  else session_.release(garbage.at);
}

// Stops at the first entry that is still in use: the rest is younger.
void Progress::collect_lane_locked(Lane& lane) {
  auto& garbage = lane.garbage_;
  while (!garbage.empty() && lane.ended(garbage.front().sequence, garbage.front().slot)) {
    // A read looks at its slot when it is settled. Each time anew: it may have ended since the last look.
    settle_if_any_locked();
    drop(garbage.front());
    garbage.pop_front();
  }
}

void Progress::collect_locked() {
  for (const auto& lane : lanes_) collect_lane_locked(*lane);
  std::erase_if(lanes_, [](const std::shared_ptr<Lane>& lane) {
    return lane->retired_ && lane->idle() && lane->garbage_.empty() && lane->reads_.empty();
  });
  while (!graves_.empty() && graves_.front().fence.passed()) {
    settle_if_any_locked();  // a read may still be copied out of it
    if (graves_.front().arena_at != wire::nowhere) session_.release(graves_.front().arena_at);
    graves_.pop_front();
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

void Progress::bury(std::uint64_t arena_at) {
  if (lost()) return;
  std::lock_guard lock(lock_);
  collect_locked();
  Fence fence = fence_locked();
  if (!fence.points.empty()) {
    graves_.push_back({std::move(fence), arena_at});
    return;
  }
  settle_if_any_locked();
  if (arena_at != wire::nowhere) session_.release(arena_at);
}

std::optional<std::uint64_t> Progress::make_room(std::uint64_t bytes, wire::ArenaAllocator::Use use) {
  if (lost()) return std::nullopt;
  {
    std::lock_guard lock(lock_);
    collect_locked();
  }
  if (const auto at = session_.allocate(bytes, use)) return at;
  std::optional<std::uint64_t> at;
  wait_until(
      [&] {
        std::lock_guard lock(lock_);
        settle_locked();
        collect_locked();
        at = session_.allocate(bytes, use);
        return at.has_value() || fence_locked().points.empty();
      },
      now_ns() + room_ns_max);
  return at;
}

void Progress::wait_for_burials() {
  if (lost()) return;
  Fence fence;
  {
    std::lock_guard lock(lock_);
    collect_locked();
    if (graves_.empty()) return;
    fence = graves_.back().fence;
  }
  wait_until([&] { return fence.passed(); }, now_ns() + room_ns_max);
  std::lock_guard lock(lock_);
  settle_locked();
  collect_locked();
}

}  // namespace sluice::opencl
