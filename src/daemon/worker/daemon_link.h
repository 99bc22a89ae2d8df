// DaemonLink: the worker's tie to sluiced, which may die and come back.
//
// While the daemon lives, its end of the link stays open and nothing is said on it. When it dies, the worker of an
// attached session goes on, and the next daemon connects to its adoption socket in the worker's own folder, which
// was made before the jail was shut: from inside, a worker can connect to nothing, so that what its tenant's kernels do
// there reaches nobody's sockets. By one thread, the control thread.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/sessions/worker_link.h"
#include "wire/message_socket.h"

namespace sluice::worker {

struct Adoption {
  WorkerMessage claim;  // Adopt, with the record
  std::function<std::array<int, adopt_fds>()> fds;
  // Hear when the daemon is gone, and when there is one again, with what it sent.
  std::function<void()> gone;
  std::function<Status(std::vector<UniqueFd> fds)> followed;
};

class DaemonLink {
 public:
  // `adoption_socket`: a listening socket (wire::bind_at) that only whoever runs the pool can reach.
  DaemonLink(wire::MessageSocket link, UniqueFd adoption_socket, Adoption adoption);

  // What to poll for reading, and for how long; -1: for ever.
  int fd() const { return state_ == State::alone ? adoption_socket_.get() : link_.fd(); }
  int timeout_ms() const;

  // fd() is readable, or the time is over. Not ok: the daemon wants the session to end; unavailable: because its
  // program is gone.
  Status attend();

  // If a daemon listens; otherwise nobody needs to know.
  void send(const WorkerMessage& message) const;

 private:
  enum class State { linked, claiming, alone };

  Status attend_link();
  Status hear(wire::Message received);
  void answer_new_daemon();

  State state_ = State::linked;
  wire::MessageSocket link_;
  UniqueFd adoption_socket_;
  Adoption adoption_;
};

}  // namespace sluice::worker
