// BlockingTasks: work that may block on something that a tenant controls, done off the daemon's one thread.
//
// Closing a descriptor that a tenant sent waits for the server of its file system, which may be the tenant; removing
// a worker's folder takes as long as it has files. Each piece of work gets a short-lived thread. A user whose work is
// stuck gets no more connections (see stuck), so nobody can pile threads up.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace sluice::server {

class BlockingTasks {
 public:
  static constexpr std::size_t stuck_min = 8;
  static constexpr Nanoseconds stuck_ns = ns_per_s;
  static constexpr unsigned no_user = ~0u;  // work that is no user's fault

  BlockingTasks();
  // Never blocks. The work must own all that it touches: it may outlive this object.
  void run(unsigned uid, std::function<void()> work);
  // Closes descriptors that the user's programs, or their workers, can make slow to close: those that they sent, and
  // sockets in which unread messages may hold some.
  void close(unsigned uid, std::vector<UniqueFd> fds);
  // At least stuck_min pieces of the user's are unfinished after stuck_ns.
  bool stuck(unsigned uid) const;
  // Waits until all is done; false: the deadline came first.
  bool finish(Nanoseconds deadline_ns) const;

 private:
  struct Books;
  std::shared_ptr<Books> books_;
};

// For BlockingTasks::close.
std::vector<UniqueFd> one_fd(UniqueFd fd);

}  // namespace sluice::server
