#include "shim/callback_thread.h"

#include <algorithm>

#include "shim/detached_thread.h"
#include "shim/progress.h"
#include "shim/session.h"

namespace sluice::shim {

bool CallbackThread::add(std::unique_ptr<PendingCallback>&& callback) {
  const std::lock_guard lock(mutex_);
  if (!started_ && !(started_ = start())) return false;
  pending_.push_back(std::move(callback));
  wake();
  return true;
}

bool CallbackThread::start() {
  const auto entry = [](void* self) -> void* { static_cast<CallbackThread*>(self)->run(); };
  return start_detached_thread(entry, this).ok();
}

// Wherever it sleeps. By a thread that holds the lock.
void CallbackThread::wake() {
  interrupted_.store(true, std::memory_order_seq_cst);
  added_.notify_one();
  if (sleeps_at_ != nullptr) wire::wake_waiters(sleeps_at_->timeline(), session_.doorbell());
  else if (!session_.lost()) session_.progress().notify();
}

void CallbackThread::run() {
  for (;;)
    if (!call_due()) sleep();
}

bool CallbackThread::call_due() {
  const Callbacks due = take_due();
  for (const auto& callback : due) callback->call();
  return !due.empty();
}

CallbackThread::Callbacks CallbackThread::take_due() {
  const std::lock_guard lock(mutex_);
  Callbacks due;
  for (auto at = pending_.begin(); at != pending_.end();) {
    const auto next = std::next(at);
    if ((*at)->due()) due.splice(due.end(), pending_, at);
    at = next;
  }
  return due;
}

// If all that is pending is on one in-order lane: that lane, and the first sequence that matters. To sleep there costs
// the worker no wake-up for the commands before it.
PendingCallback::Place CallbackThread::common_place() const {
  PendingCallback::Place common = pending_.front()->place();
  for (const auto& callback : pending_) {
    const PendingCallback::Place place = callback->place();
    if (place.lane != common.lane) return {};
    common.sequence = std::min(common.sequence, place.sequence);
  }
  return common;
}

void CallbackThread::sleep() {
  std::unique_lock lock(mutex_);
  if (pending_.empty()) {
    added_.wait(lock, [this] { return !pending_.empty(); });
    return;
  }
  if (const auto place = common_place(); place.lane != nullptr) return sleep_at(place, std::move(lock));
  const std::uint32_t token = wire::completion_token(session_.control());
  if (std::any_of(pending_.begin(), pending_.end(), [](const auto& callback) { return callback->due(); })) return;
  lock.unlock();
  wire::wait_any_completion(session_.control(), token, session_.lost_flag(), wire::no_deadline, session_.doorbell());
}

// This thread alone takes callbacks away, so they keep the lane.
void CallbackThread::sleep_at(const PendingCallback::Place& place, std::unique_lock<std::mutex> lock) {
  sleeps_at_ = place.lane;
  interrupted_.store(false, std::memory_order_seq_cst);
  lock.unlock();
  wire::wait_completed(place.lane->timeline(), place.sequence, session_.lost_flag(), {.interrupted = &interrupted_},
                       session_.doorbell());
  lock.lock();
  sleeps_at_ = nullptr;
}

}  // namespace sluice::shim
