#include "daemon/worker/control.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>

#include "wire/handshake.h"

namespace sluice::worker {

namespace {

// Of two timeouts of poll(2).
int shorter(int a, int b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); }

}  // namespace

Control::Control(DaemonLink link, std::unique_ptr<wire::Channel> program, BuildWatch& builds, MoveSource* moves)
    : link_(std::move(link)),
      program_(std::move(program)),
      builds_(builds),
      moves_(moves),
      reported_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Status Control::wait_for_end() {
  for (;;) {
    std::array<pollfd, 5> awaited{{{program_->poll_fd(), POLLIN, 0},
                                   {reported_.get(), POLLIN, 0},
                                   {link_.fd(), POLLIN, 0},
                                   {builds_.fd(), POLLIN, 0},
                                   {moves_ != nullptr ? moves_->fd() : -1, POLLIN, 0}}};
    const int link_ms = link_.timeout_ms(), wait_ms = shorter(link_ms, builds_.timeout_ms());
    const int ready = poll(awaited.data(), awaited.size(), wait_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return errno_status("wait for the end of the session", errno);
    if (awaited[1].revents != 0) {
      const std::lock_guard lock(mutex_);
      return fault_;
    }
    SLUICE_TRY(builds_.check());
    if (awaited[4].revents != 0) tell_kept();
    const ProgramState program = awaited[0].revents != 0 ? look_at_program() : ProgramState::silent;
    if (program == ProgramState::gone) return Status();
    if (program == ProgramState::spoke) return Status(Code::protocol_fault, "the program spoke on the session socket");
    if (awaited[2].revents != 0 || (ready == 0 && wait_ms == link_ms)) {
      const Status attended = link_.attend();
      if (attended.code() == Code::unavailable) return Status();
      if (!attended.ok()) return attended;
    }
  }
}

void Control::tell_kept() {
  const auto why = moves_->take_kept();
  if (!why) return;
  WorkerMessage kept;
  kept.kind = WorkerMessageKind::kept;
  kept.text = *why;
  link_.send(kept);
}

// A program says nothing on the channel; one that has closed its half of it is as good as gone. What it said is taken
// out: of a socket that ends with unread words the kernel tells the peer that it was reset, before any reason.
Control::ProgramState Control::look_at_program() const {
  const Code code = program_->receive(now_ns()).status().code();
  if (code == Code::deadline_exceeded) return ProgramState::silent;  // woken for nothing
  return code == Code::ok || code == Code::protocol_fault ? ProgramState::spoke : ProgramState::gone;
}

void Control::tell_program(const Status& end) const {
  wire::EndNotice notice;
  wire::set_text(notice.reason, end.message());
  (void)program_->send(std::as_bytes(std::span(&notice, 1)), now_ns());
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
