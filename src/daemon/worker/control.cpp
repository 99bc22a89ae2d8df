#include "daemon/worker/control.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "wire/handshake.h"

namespace sluice::worker {

Control::Control(DaemonLink link, UniqueFd session, UniqueFd client)
    : link_(std::move(link)),
      session_(std::move(session)),
      client_(std::move(client)),
      reported_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Status Control::wait_for_end() {
  for (;;) {
    std::array<pollfd, 4> awaited{{{session_.fd(), POLLIN, 0},
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
    if ((awaited[0].revents & ~POLLIN) != 0 || awaited[1].revents != 0) return Status();
    if (awaited[0].revents != 0) {
      const Status heard = follow_output();
      if (heard.code() == Code::unavailable) return Status();  // it says no more: as good as gone
      if (!heard.ok()) return heard;
    }
    if (awaited[3].revents != 0 || ready == 0)
      if (Status status = link_.attend(); !status.ok()) return status;
  }
}

// The program's word counts for no more than it did when it joined: it says where its own kernels print to.
Status Control::follow_output() {
  const auto message = session_.receive(now_ns());
  if (message.status().code() == Code::deadline_exceeded) return Status();  // woken for nothing
  if (!message.ok()) return message.status();
  const auto& [bytes, fds] = message.value();
  wire::OutputNotice notice;
  if (bytes.size() != sizeof notice || fds.size() != 1)
    return Status(Code::protocol_fault, "the program sent something else than its output");
  std::memcpy(&notice, bytes.data(), sizeof notice);
  if (notice.magic != wire::handshake_magic) return Status(Code::protocol_fault, "a notice of output makes no sense");
  std::fflush(stdout);
  dup2(fds[0].get(), STDOUT_FILENO);
  // A program that does not listen for the answer does not get one.
  (void)session_.send(std::as_bytes(std::span(&notice, 1)), {}, now_ns());
  return Status();
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
