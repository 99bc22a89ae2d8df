#include "daemon/server/runtime/signal.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>

#include "base/contract.h"

namespace sluice::server {

Status ThreadSignal::open() {
  SLUICE_REQUIRE(!fd_.valid());
  fd_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return fd_.valid() ? Status() : errno_status("make an eventfd", errno);
}

Status ThreadSignal::connect(EventLoop& loop, std::function<void()> handler) {
  SLUICE_REQUIRE(fd_.valid() && !connected_);
  watch_ = SLUICE_TRY(loop.watch(fd_.get(), EPOLLIN, [this, handler = std::move(handler)](std::uint32_t) {
    clear();
    handler();
  }));
  connected_ = true;
  return Status();
}

void ThreadSignal::clear() const {
  eventfd_t count = 0;
  (void)eventfd_read(fd_.get(), &count);
}

void ThreadSignal::raise() const {
  SLUICE_REQUIRE(fd_.valid());
  (void)eventfd_write(fd_.get(), 1);
}

}  // namespace sluice::server
