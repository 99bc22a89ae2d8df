// The control thread's loop: it sleeps until somebody dies, and decides what then. Meanwhile it follows the program's
// stdout, so that what kernels print comes out where the program wants it.
#pragma once

#include <mutex>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/worker/daemon_link.h"
#include "wire/message_socket.h"

namespace sluice::worker {

class Control {
 public:
  // `session`: this end of the session socket. `client`: a pidfd of the program.
  Control(DaemonLink link, UniqueFd session, UniqueFd client);

  // Blocks without a timeout until the session is over, and says why: ok, the program has gone; otherwise a fault, or
  // the daemon's wish.
  Status wait_for_end();

  // The dispatcher has given up. From its thread.
  void report(Status fault);

  DaemonLink& link() { return link_; }

 private:
  Status follow_output();  // unavailable: the program has closed its end

  DaemonLink link_;
  wire::MessageSocket session_;
  UniqueFd client_, reported_;
  std::mutex mutex_;
  Status fault_;  // guarded by mutex_
};

}  // namespace sluice::worker
