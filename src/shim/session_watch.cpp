// The session's thread: it shows what kernels print, and sees the worker's end.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "shim/callback_thread.h"
#include "shim/detached_thread.h"
#include "shim/session.h"

namespace sluice::shim {
namespace {

constexpr std::size_t watch_stack_bytes = 64 * 1024;
// What may still come out of a dead worker's pipe: as much as a pipe may hold without privileges.
constexpr std::size_t last_steps_max = (1 << 20) / output_step_bytes_max;
// How soon to look whether the program has replaced a stdout that takes nothing.
constexpr int look_again_ms = 100;

}  // namespace

Status Session::start_watching() {
  const auto run = [](void* session) -> void* {
    static_cast<Session*>(session)->watch_worker();
    return nullptr;
  };
  return start_detached_thread(run, this, watch_stack_bytes);
}

// While stdout takes nothing, the pipe is left to fill up: the kernels that print wait, and this thread still sees the
// worker's end.
void Session::watch_worker() {
  bool stuck = false, open = true;  // the program's stdout; the worker's
  for (;;) {
    std::array<pollfd, 2> awaited{{{channel_->poll_fd(), POLLIN | POLLRDHUP, 0}, {output_.fd(), POLLIN, 0}}};
    if (stuck) awaited[1] = {STDOUT_FILENO, POLLOUT, 0};
    if (::poll(awaited.data(), open ? 2 : 1, stuck ? look_again_ms : -1) < 0 && errno == EINTR) continue;
    if (awaited[0].revents != 0 && !read_channel()) break;
    if (!open) continue;
    if (stuck) {
      stuck = !takes_output_now(STDOUT_FILENO);
    } else if ((awaited[1].revents & POLLIN) != 0) {
      stuck = !takes_output_now(STDOUT_FILENO);
      if (!stuck) output_.show_some();
    } else if (awaited[1].revents != 0) {
      open = false;
    }
  }
  for (std::size_t i = 0; i < last_steps_max && takes_output_now(STDOUT_FILENO) && output_.show_some(); ++i) {
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
  if (takes_output_now(STDERR_FILENO)) write_whole(STDERR_FILENO, line);
  return false;
}

void Session::lose() {
  lost_.store(true, std::memory_order_seq_cst);
  ring_.stop();
  arena_.wake_all(doorbell_);
  wire::wake_waiters(control(), doorbell_);
}

void Session::abandon() {
  lost_.store(true, std::memory_order_seq_cst);
  channel_->close();  // or the worker would not notice the parent's death for as long as the child lives
  output_.close();
  // The old one's lock may be held by a thread that the child does not have.
  (void)callbacks_.release();
  callbacks_ = std::make_unique<CallbackThread>(*this);
}

}  // namespace sluice::shim
