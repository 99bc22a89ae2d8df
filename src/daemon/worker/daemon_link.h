// DaemonLink: the worker's tie to sluiced, which may die and come back.
//
// While the daemon lives, its end of the link stays open and nothing is said on it. When it dies, the worker of an
// attached session goes on and watches the runtime folder (inotify, no polling) for the socket of the next daemon,
// connects, and presents its session. By one thread, the control thread.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/sessions/worker_link.h"
#include "wire/message_socket.h"

namespace sluice::worker {

struct Adoption {
  std::string runtime_folder;
  WorkerMessage claim;  // Adopt: record and key
  int meter_fd = -1, tenant_fd = -1;
};

class DaemonLink {
 public:
  DaemonLink(wire::MessageSocket link, Adoption adoption);

  // What to poll for reading, and for how long; -1: for ever.
  int fd() const;
  int timeout_ms() const;

  // fd() is readable, or the time is over. Not ok: the daemon wants the session to end.
  Status attend();

  // If a daemon listens; otherwise nobody needs to know.
  void send(const WorkerMessage& message) const;

 private:
  enum class State { linked, claiming, retrying, watching, alone };

  Status attend_link();
  void attend_watch();
  void watch();
  void claim();

  State state_ = State::linked;
  wire::MessageSocket link_;
  Adoption adoption_;
  UniqueFd watch_;
  int tries_left_ = 0;
};

}  // namespace sluice::worker
