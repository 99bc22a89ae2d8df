#include "daemon/worker/local_attachment.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "wire/transport/socket_channel.h"

namespace sluice::worker {

Result<LocalAttachment> LocalAttachment::map(const SessionRecord& record, std::vector<UniqueFd>& fds) {
  SessionMemory memory = SLUICE_TRY(SessionMemory::attach(record, fds));
  return LocalAttachment(std::move(memory), std::move(fds[attach_fd_session]));
}

LocalAttachment::LocalAttachment(SessionMemory memory, UniqueFd session)
    : control_fd_(memory.control.fd()),
      arena_fd_(memory.arena.fd()),
      binding_(std::move(memory.bindings.front())),
      connection_{wire::Region(std::move(memory.control)), wire::Region(std::move(memory.arena)), {}},
      channel_(std::make_unique<wire::SocketChannel>(wire::MessageSocket(std::move(session)))) {}

void LocalAttachment::set_channel(UniqueFd session) {
  channel_ = std::make_unique<wire::SocketChannel>(wire::MessageSocket(std::move(session)));
}

// The eventfd first: what is written in the report from here on must kick the new daemon.
Status LocalAttachment::follow_daemon(std::vector<UniqueFd>& fds) {
  if (fds.size() != adopted_fds) return Status(Code::protocol_fault, "the adopted message lacks descriptors");
  if (dup3(fds[adopted_fd_kick].get(), binding_.kick.get(), O_CLOEXEC) < 0)
    return errno_status("take the new eventfd", errno);
  return binding_.terms.replace(std::move(fds[adopted_fd_terms]));
}

std::array<int, adopt_fds> LocalAttachment::fds_for_adoption() const {
  std::array<int, adopt_fds> fds{};
  fds[adopt_fd_control] = control_fd_;
  fds[adopt_fd_arena] = arena_fd_;
  fds[adopt_fd_report] = binding_.report.fd();
  fds[adopt_fd_terms] = binding_.terms.fd();
  return fds;
}

}  // namespace sluice::worker
