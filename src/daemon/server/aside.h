// Aside: work that may block on something that a tenant controls, done off the daemon's one thread.
//
// Closing a descriptor that a tenant sent waits for whoever serves its file system, which may be the tenant; removing
// a worker's folder takes as long as it has files. Each piece of work gets a short-lived thread. A user who has
// `per_user_max` unfinished pieces gets no more connections (see busy), so nobody can pile threads up.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/clock.h"

namespace sluice::server {

class Aside {
 public:
  static constexpr std::size_t per_user_max = 8;

  Aside();
  // Never blocks. The work must own all that it touches: it may outlive this object.
  void run(unsigned uid, std::function<void()> work);
  bool busy(unsigned uid) const;
  // Waits until all is done; false: the deadline came first.
  bool finish(Nanoseconds deadline_ns) const;

 private:
  struct Books;
  std::shared_ptr<Books> books_;
};

}  // namespace sluice::server
