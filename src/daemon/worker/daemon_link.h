// DaemonLink: the worker's connection to sluiced, which may die and be started again.
//
// While the daemon lives, its end of the link stays open and carries no messages. When the daemon dies, the worker of
// an attached session goes on. The next daemon connects to the worker's adoption socket, which lies in the worker's own
// folder and was made before the jail was closed: inside the jail a worker can connect to no socket, so that a tenant's
// kernels cannot either. All methods on the control thread.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/sessions/worker_link.h"
#include "wire/transport/message_socket.h"

namespace sluice::worker {

// What the next daemon is told, and who hears what comes of it.
struct AdoptionOffer {
  WorkerMessage claim;  // Adopt, with the record
  std::function<std::array<int, adopt_fds>()> fds;
  // Called when the daemon has died, and when a new one has taken over, with the descriptors that it sent.
  std::function<void()> gone;
  std::function<Status(std::vector<UniqueFd> fds)> followed;
  // The daemon wants the session on another worker; with what it sent.
  std::function<Status(std::vector<UniqueFd> fds)> give;
};

class DaemonLink {
 public:
  // `adoption_socket`: a listening socket (wire::bind_at) that only the daemon's user can reach.
  DaemonLink(wire::MessageSocket link, UniqueFd adoption_socket, AdoptionOffer offer);

  // What to poll for reading, and for how long; -1: for ever.
  int fd() const { return state_ == State::alone ? adoption_socket_.get() : link_.fd(); }
  int timeout_ms() const;

  // To be called when fd() is readable, or timeout_ms() has passed. Not ok: the daemon wants the session to end;
  // unavailable: because its program is gone.
  Status attend();

  // Does nothing while there is no daemon.
  void send(const WorkerMessage& message) const;

 private:
  enum class State { linked, claiming, alone };

  Status attend_link();
  Status on_message(wire::Message received);
  void answer_new_daemon();

  State state_ = State::linked;
  wire::MessageSocket link_;
  UniqueFd adoption_socket_;
  AdoptionOffer offer_;
};

}  // namespace sluice::worker
