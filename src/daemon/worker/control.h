// The control thread's loop: it sleeps until the program or the daemon dies, or the daemon sends a message. While a
// program is built it looks now and then whether that takes too much.
#pragma once

#include <mutex>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/worker/build_watch.h"
#include "daemon/worker/daemon_link.h"
#include "wire/transport/message_socket.h"

namespace sluice::worker {

class Control {
 public:
  // `session`: this end of the session socket.
  // `builds` outlives this object.
  Control(DaemonLink link, UniqueFd session, BuildWatch& builds);

  // Blocks without a timeout until the session is over, and says why: ok, the program has gone; otherwise a fault, or
  // the daemon's wish.
  Status wait_for_end();

  // The command thread has given up. From that thread.
  void report(Status fault);

  // Tells the program why its session ends. One that does not listen is not waited for.
  void tell_program(const Status& end) const;

  DaemonLink& link() { return link_; }

 private:
  bool program_spoke() const;

  DaemonLink link_;
  wire::MessageSocket session_;
  BuildWatch& builds_;
  UniqueFd reported_;
  std::mutex mutex_;
  Status fault_;  // guarded by mutex_
};

}  // namespace sluice::worker
