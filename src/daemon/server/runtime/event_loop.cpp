#include "daemon/server/runtime/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

namespace sluice::server {
namespace {

constexpr std::size_t events_per_round = 64;
constexpr std::uint64_t wake_id = 0;

}  // namespace

Watch::Watch(Watch&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)), id_(other.id_) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this == &other) return *this;
  reset();
  loop_ = std::exchange(other.loop_, nullptr);
  id_ = other.id_;
  return *this;
}

void Watch::reset() {
  if (loop_ != nullptr) std::exchange(loop_, nullptr)->drop_watch(id_);
}

Timer::Timer(Timer&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), at_ns_(other.at_ns_), id_(other.id_) {}

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this == &other) return *this;
  reset();
  loop_ = std::exchange(other.loop_, nullptr);
  at_ns_ = other.at_ns_;
  id_ = other.id_;
  return *this;
}

void Timer::reset() {
  if (loop_ != nullptr) std::exchange(loop_, nullptr)->drop_timer(at_ns_, id_);
}

Status EventLoop::open() {
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return errno_status("make an epoll set", errno);
  wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return errno_status("make an eventfd", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) return errno_status("watch an eventfd", errno);
  return Status();
}

Result<Watch> EventLoop::watch(int fd, std::uint32_t events, Ready ready) {
  const std::uint64_t id = next_id_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return errno_status("watch a descriptor", errno);
  watched_.emplace(id, Watched{fd, std::make_shared<Ready>(std::move(ready))});
  return Watch(this, id);
}

void EventLoop::drop_watch(std::uint64_t id) {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return;
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
  watched_.erase(found);
}

Timer EventLoop::at(Nanoseconds deadline_ns, Due due) {
  const std::uint64_t id = next_id_++;
  timers_.emplace(std::pair(deadline_ns, id), std::move(due));
  return Timer(this, deadline_ns, id);
}

int EventLoop::timeout_ms() const {
  if (timers_.empty()) return -1;
  const Nanoseconds first = timers_.begin()->first.first;
  const Nanoseconds now = now_ns();
  if (first <= now) return 0;
  return static_cast<int>(std::min<Nanoseconds>((first - now + ns_per_ms - 1) / ns_per_ms, INT_MAX));
}

void EventLoop::run_due_timers() {
  const Nanoseconds now = now_ns();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto due = timers_.extract(timers_.begin());  // its Timer may drop itself while it runs
    due.mapped()();
  }
}

void EventLoop::run() {
  std::array<epoll_event, events_per_round> events;
  while (!stopping_.load(std::memory_order_relaxed)) {
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms());
    for (int i = 0; i < count; ++i) {
      // Ids are never used twice, so an event of a watch that an earlier handler dropped finds nothing.
      const std::uint64_t watch = events[static_cast<std::size_t>(i)].data.u64;  // a copy: the struct is packed
      const auto found = watched_.find(watch);
      if (found == watched_.end()) continue;
      const std::shared_ptr<Ready> ready = found->second.ready;  // survives its own watch
      (*ready)(events[static_cast<std::size_t>(i)].events);
    }
    run_due_timers();
  }
}

void EventLoop::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  (void)eventfd_write(wake_.get(), 1);
}

}  // namespace sluice::server
