// EventLoop: the daemon's one thread sleeps here, until a descriptor is ready or a deadline is over.
//
// Handlers run on the thread that calls run(), one at a time, and must not block. An idle loop wakes up for nothing:
// it has no tick. Watch and Timer are owners: what they stand for ends when they are destroyed, also from inside their
// own handler. The loop outlives both. Only stop() may be called from another thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::server {

class EventLoop;

// A descriptor that the loop looks at. Destroy it before the descriptor is closed.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  ~Watch() { reset(); }
  void reset();

 private:
  friend class EventLoop;
  Watch(EventLoop* loop, std::uint64_t id) : loop_(loop), id_(id) {}
  EventLoop* loop_ = nullptr;
  std::uint64_t id_ = 0;
};

// Something to do at a moment, once.
class Timer {
 public:
  Timer() = default;
  Timer(Timer&& other) noexcept;
  Timer& operator=(Timer&& other) noexcept;
  ~Timer() { reset(); }
  void reset();

 private:
  friend class EventLoop;
  Timer(EventLoop* loop, Nanoseconds at_ns, std::uint64_t id) : loop_(loop), at_ns_(at_ns), id_(id) {}
  EventLoop* loop_ = nullptr;
  Nanoseconds at_ns_ = 0;
  std::uint64_t id_ = 0;
};

class EventLoop {
 public:
  using Ready = std::function<void(std::uint32_t events)>;  // EPOLLIN and its like
  using Due = std::function<void()>;

  EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Status open();

  // Calls `ready` whenever one of `events` holds (level-triggered). EPOLLHUP and EPOLLERR are always reported.
  // Fails only if the system has no room for another watch.
  Result<Watch> watch(int fd, std::uint32_t events, Ready ready);
  Timer at(Nanoseconds deadline_ns, Due due);

  void run();
  void stop();

 private:
  friend class Watch;
  friend class Timer;
  struct Watched {
    int fd = -1;
    std::shared_ptr<Ready> ready;
  };
  void drop_watch(std::uint64_t id);
  void drop_timer(Nanoseconds at_ns, std::uint64_t id) { timers_.erase({at_ns, id}); }
  int timeout_ms() const;
  void run_due_timers();

  UniqueFd epoll_, wake_;
  std::uint64_t next_id_ = 1;  // 0 is the wake-up descriptor
  std::unordered_map<std::uint64_t, Watched> watched_;
  std::map<std::pair<Nanoseconds, std::uint64_t>, Due> timers_;
  std::atomic<bool> stopping_{false};
};

}  // namespace sluice::server
