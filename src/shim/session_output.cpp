// What comes from the worker unasked: what kernels print, its last words, and its death.
//
// Kernels print into a pipe. The session's thread copies what comes out of it to the program's stdout, and a call that
// reports a completion copies what the kernels printed before it, so that the program sees its output in the same order
// as with a driver of its own. Both use the stdout that the process has at that moment.
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "shim/session.h"

namespace sluice::shim {
namespace {

// A pipe or terminal that is ready to be written takes so much without blocking, if nobody else writes meanwhile.
constexpr std::size_t step_bytes_max = 4096;
// What may still come out of a dead worker's pipe: as much as a pipe may hold without privileges.
constexpr std::size_t last_steps_max = (1 << 20) / step_bytes_max;
// A program may replace a stdout that takes nothing.
constexpr int look_again_ms = 100;

// Also true if a write fails at once, as to a pipe that nobody reads any more.
bool takes_now(int fd) {
  pollfd target{fd, POLLOUT, 0};
  return ::poll(&target, 1, 0) == 1;
}

// Drops what nobody takes: a closed stdout loses what is written to it.
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

}  // namespace

// No more than what is there now: other kernels may print faster than this process writes.
void Session::show_output() {
  if (lost()) return;
  std::lock_guard lock(output_mutex_);
  int left = 0;
  if (::ioctl(output_.get(), FIONREAD, &left) != 0) return;
  std::array<char, step_bytes_max> room;
  while (left > 0) {
    const auto wanted = std::min(room.size(), static_cast<std::size_t>(left));
    const ssize_t got = ::read(output_.get(), room.data(), wanted);
    if (got <= 0) return;
    write_whole(STDOUT_FILENO, std::span(room).first(static_cast<std::size_t>(got)));
    left -= static_cast<int>(got);
  }
}

// False: there was nothing.
bool Session::show_some_output() {
  std::lock_guard lock(output_mutex_);
  std::array<char, step_bytes_max> room;
  const ssize_t got = ::read(output_.get(), room.data(), room.size());
  if (got > 0) write_whole(STDOUT_FILENO, std::span(room).first(static_cast<std::size_t>(got)));
  return got > 0;
}

// While stdout takes nothing, the pipe is left to fill up: the kernels that print wait, and this thread still sees the
// worker's end.
void Session::watch_worker() {
  bool stuck = false, open = true;  // the program's stdout; the worker's
  for (;;) {
    std::array<pollfd, 2> awaited{{{channel_->poll_fd(), POLLIN | POLLRDHUP, 0}, {output_.get(), POLLIN, 0}}};
    if (stuck) awaited[1] = {STDOUT_FILENO, POLLOUT, 0};
    if (::poll(awaited.data(), open ? 2 : 1, stuck ? look_again_ms : -1) < 0 && errno == EINTR) continue;
    if (awaited[0].revents != 0 && !read_channel()) break;
    if (!open) continue;
    if (stuck) {
      stuck = !takes_now(STDOUT_FILENO);
    } else if ((awaited[1].revents & POLLIN) != 0) {
      stuck = !takes_now(STDOUT_FILENO);
      if (!stuck) show_some_output();
    } else if (awaited[1].revents != 0) {
      open = false;
    }
  }
  for (std::size_t i = 0; i < last_steps_max && takes_now(STDOUT_FILENO) && show_some_output(); ++i) {
  }
  lose();
}

// An end notice is a worker's last message.
bool Session::read_channel() {
  const auto message = channel_->receive(now_ns());
  if (message.status().code() == Code::deadline_exceeded) return true;  // woken for nothing
  if (!message.ok()) return false;
  const auto notice = wire::decode_end_notice(message.value());
  if (!notice.ok()) return false;
  const std::string line = "sluice: this session was ended: " + std::string(notice.value().reason) + "\n";
  if (takes_now(STDERR_FILENO)) write_whole(STDERR_FILENO, line);
  return false;
}

}  // namespace sluice::shim
