#include "daemon/worker/control.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace sluice::worker {

Control::Control(DaemonLink link, UniqueFd session, UniqueFd client)
    : link_(std::move(link)),
      session_(std::move(session)),
      client_(std::move(client)),
      reported_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Status Control::wait_for_end() {
  for (;;) {
    std::array<pollfd, 4> awaited{{{session_.get(), POLLIN, 0},
                                   {client_.get(), POLLIN, 0},
                                   {reported_.get(), POLLIN, 0},
                                   {link_.fd(), POLLIN, 0}}};
    const int ready = poll(awaited.data(), awaited.size(), link_.timeout_ms());
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return errno_status("wait for the end of the session", errno);
    if (awaited[2].revents != 0) {
      const std::lock_guard lock(mutex_);
      return fault_;
    }
    // Nothing is ever sent on the session socket: whatever makes it readable, the conversation is over.
    if (awaited[0].revents != 0 || awaited[1].revents != 0) return Status();
    if (awaited[3].revents != 0 || ready == 0)
      if (Status status = link_.attend(); !status.ok()) return status;
  }
}

void Control::report(Status fault) {
  {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
  }
  const std::uint64_t one = 1;
  (void)!::write(reported_.get(), &one, sizeof one);
}

}  // namespace sluice::worker
