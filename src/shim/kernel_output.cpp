#include "shim/kernel_output.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace sluice::shim {

bool takes_output_now(int fd) {
  pollfd target{fd, POLLOUT, 0};
  return ::poll(&target, 1, 0) == 1;
}

void write_whole(int fd, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {
      pollfd target{fd, POLLOUT, 0};
      ::poll(&target, 1, -1);
    } else if (written == 0 || errno != EINTR) {
      return;
    }
  }
}

// No more than what is there now: other kernels may print faster than this process writes.
void KernelOutput::show() {
  const std::lock_guard lock(mutex_);
  int left = 0;
  if (::ioctl(pipe_.get(), FIONREAD, &left) != 0) return;
  std::array<char, output_step_bytes_max> room;
  while (left > 0) {
    const auto wanted = std::min(room.size(), static_cast<std::size_t>(left));
    const ssize_t got = ::read(pipe_.get(), room.data(), wanted);
    if (got <= 0) return;
    write_whole(STDOUT_FILENO, std::span(room).first(static_cast<std::size_t>(got)));
    left -= static_cast<int>(got);
  }
}

bool KernelOutput::show_some() {
  const std::lock_guard lock(mutex_);
  std::array<char, output_step_bytes_max> room;
  const ssize_t got = ::read(pipe_.get(), room.data(), room.size());
  if (got > 0) write_whole(STDOUT_FILENO, std::span(room).first(static_cast<std::size_t>(got)));
  return got > 0;
}

}  // namespace sluice::shim
