#include "shim/opencl/callbacks.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <list>
#include <mutex>

namespace sluice::opencl {
namespace {

struct EventWatch {
  Ref<_cl_event> event;
  cl_int trigger;
  EventCallback callback;
  void* user_data;

  bool due() const { return event->status() <= trigger; }
  void fire() const {
    const cl_int status = event->status();
    callback(event.get(), status < CL_COMPLETE ? status : trigger, user_data);
  }
};

struct ReleaseWatch {
  shim::Session& session;
  shim::Fence fence;
  cl_mem memory;
  std::vector<std::pair<MemoryDestructor, void*>> callbacks;

  bool due() const { return session.lost() || fence.passed(); }
  void fire() const {
    for (const auto& [callback, user_data] : callbacks) callback(memory, user_data);
  }
};

template <typename Watch>
void take_due(std::list<Watch>& from, std::list<Watch>& due) {
  for (auto at = from.begin(); at != from.end();) {
    const auto next = std::next(at);
    if (at->due()) due.splice(due.end(), from, at);
    at = next;
  }
}

class Watcher {
 public:
  bool add(EventWatch watch) {
    shim::Session& session = watch.event->session();
    return add_to(events_, std::move(watch), session);
  }
  bool add(ReleaseWatch watch) {
    shim::Session& session = watch.session;
    return add_to(releases_, std::move(watch), session);
  }

 private:
  template <typename Watch>
  bool add_to(std::list<Watch>& list, Watch watch, shim::Session& session);
  bool start();
  void run();
  bool fire_due();
  void sleep();
  shim::Lane* common_lane(std::uint64_t& sequence) const;
  shim::Session& any_session() const {
    return events_.empty() ? releases_.front().session : events_.front().event->session();
  }

  std::mutex mutex_;  // guards what follows
  bool started_ = false;
  std::list<EventWatch> events_;
  std::list<ReleaseWatch> releases_;
  shim::Lane* sleeps_at_ = nullptr;
  std::atomic<bool> interrupted_{false};
  wire::FutexWord registrations_{0};
};

template <typename Watch>
bool Watcher::add_to(std::list<Watch>& list, Watch watch, shim::Session& session) {
  std::lock_guard lock(mutex_);
  if (!started_ && !(started_ = start())) return false;
  list.push_back(std::move(watch));
  interrupted_.store(true, std::memory_order_seq_cst);
  registrations_.fetch_add(1, std::memory_order_seq_cst);
  wire::futex_wake_all(registrations_);
  if (sleeps_at_ != nullptr) wire::wake_waiters(sleeps_at_->timeline(), session.doorbell());
  else if (!session.lost()) session.progress().notify();
  return true;
}

bool Watcher::start() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const auto entry = [](void* watcher) -> void* {
    static_cast<Watcher*>(watcher)->run();
    return nullptr;
  };
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, entry, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

void Watcher::run() {
  for (;;)
    if (!fire_due()) sleep();
}

bool Watcher::fire_due() {
  std::list<EventWatch> events;
  std::list<ReleaseWatch> releases;
  {
    std::lock_guard lock(mutex_);
    take_due(events_, events);
    take_due(releases_, releases);
  }
  for (const EventWatch& watch : events) watch.fire();
  for (const ReleaseWatch& watch : releases) watch.fire();
  return !events.empty() || !releases.empty();
}

// If all that is watched is on one in-order lane: that lane, and the first sequence that matters. Sleeping there costs
// the worker no wake-up for the commands before it.
shim::Lane* Watcher::common_lane(std::uint64_t& sequence) const {
  if (events_.empty() || !releases_.empty()) return nullptr;
  shim::Lane* lane = events_.front().event->state().in_order_lane();
  sequence = UINT64_MAX;
  for (const EventWatch& watch : events_) {
    if (watch.event->state().in_order_lane() != lane) return nullptr;
    sequence = std::min(sequence, watch.event->state().sequence());
  }
  return lane;
}

void Watcher::sleep() {
  std::unique_lock lock(mutex_);
  const auto anything_due = [this] {
    const auto due = [](const auto& watch) { return watch.due(); };
    return std::any_of(events_.begin(), events_.end(), due) || std::any_of(releases_.begin(), releases_.end(), due);
  };
  if (events_.empty() && releases_.empty()) {
    const std::uint32_t seen = registrations_.load(std::memory_order_seq_cst);
    lock.unlock();
    wire::futex_wait(registrations_, seen);
    return;
  }
  shim::Session& session = any_session();
  std::uint64_t sequence = 0;
  if (shim::Lane* lane = common_lane(sequence); lane != nullptr) {
    const Ref<_cl_event> hold = events_.front().event;  // keeps the lane
    sleeps_at_ = lane;
    interrupted_.store(false, std::memory_order_seq_cst);
    lock.unlock();
    wire::wait_completed(lane->timeline(), sequence, session.lost_flag(), {.interrupted = &interrupted_},
                         session.doorbell());
    lock.lock();
    sleeps_at_ = nullptr;
    lock.unlock();
    return;
  }
  const std::uint32_t token = wire::completion_token(session.control());
  if (anything_due()) return;
  lock.unlock();
  wire::wait_any_completion(session.control(), token, session.lost_flag(), wire::no_deadline, session.doorbell());
}

std::atomic<Watcher*>& watcher_place() {
  static std::atomic<Watcher*>* place = [] {
    // The child has neither the thread nor a usable lock, and what its parent watches is not its business.
    pthread_atfork(nullptr, nullptr, [] { watcher_place().store(new Watcher, std::memory_order_release); });
    return new std::atomic<Watcher*>(new Watcher);
  }();
  return *place;
}

Watcher& watcher() { return *watcher_place().load(std::memory_order_acquire); }

}  // namespace

bool watch_event(_cl_event& event, cl_int trigger, EventCallback callback, void* user_data) {
  return watcher().add(EventWatch{Ref<_cl_event>(&event), trigger, callback, user_data});
}

void watch_release(shim::Session& session, shim::Fence fence, cl_mem memory,
                   std::vector<std::pair<MemoryDestructor, void*>> callbacks) {
  const ReleaseWatch watch{session, std::move(fence), memory, std::move(callbacks)};
  if (!watcher().add(watch)) watch.fire();  // too early is better than never: the program waits to free memory
}

}  // namespace sluice::opencl
