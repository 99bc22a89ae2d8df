// LocalAttachment: what came with Attach, mapped, and so the transport of a session whose program, worker and daemon
// run under one kernel: regions are sealed memfds, the doorbell is a futex, the channel is a socket.
//
// The one place of the worker that chooses a transport. Used by the control thread.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/sessions/session_memory.h"
#include "daemon/worker/connection.h"
#include "wire/transport/channel.h"

namespace sluice::worker {

class LocalAttachment {
 public:
  // Takes from `fds`, which are in the order of AttachFd, what it needs. protocol_fault: they are too few, or not what
  // they should be.
  static Result<LocalAttachment> map(const SessionRecord& record, std::vector<UniqueFd>& fds);

  // Both once: the attachment gives them away. Descriptors for adoption are those of the connection's regions, so the
  // session that has them lives as long as the attachment is asked for them.
  Connection take_connection() { return std::move(connection_); }
  std::unique_ptr<wire::Channel> take_channel() { return std::move(channel_); }
  // Of a session that moves here, whose socket comes last.
  void set_channel(UniqueFd session);
  DaemonPages pages() const { return {binding_.terms_page(), binding_.report_page(), binding_.kick.get()}; }

  // There is a new daemon: puts its eventfd and its terms page in the place of the old. `fds`: in the order of
  // AdoptedFd. Not ok: they are not what they should be.
  Status follow_daemon(std::vector<UniqueFd>& fds);

  // What a new daemon must have of the session, in the order of AdoptFd.
  std::array<int, adopt_fds> fds_for_adoption() const;

 private:
  LocalAttachment(SessionMemory memory, UniqueFd session);

  int control_fd_, arena_fd_;  // the regions own them
  BindingMemory binding_;      // this worker's
  Connection connection_;
  std::unique_ptr<wire::Channel> channel_;
};

}  // namespace sluice::worker
