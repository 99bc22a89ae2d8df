// Signal and ThreadSignal: the one way in which a part of the server tells the others that something has happened.
//
// A part has its signals as public members and knows nobody who listens. The server connects each signal once, when
// both sides exist. A signal without a handler is lost.
#pragma once

#include <functional>
#include <utility>

#include "base/contract.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/server/runtime/event_loop.h"

namespace sluice::server {

// Calls its handler at once, on the thread that raises it. The handler may call back into the part that raised it.
template <typename... Arguments>
class Signal {
 public:
  // REQUIRES: no handler is connected.
  void connect(std::function<void(Arguments...)> handler) {
    SLUICE_REQUIRE(!handler_);
    handler_ = std::move(handler);
  }
  void raise(Arguments... arguments) const {
    if (handler_) handler_(arguments...);
  }

 private:
  std::function<void(Arguments...)> handler_;
};

// Raised on any thread; its handler runs later, once for any number of raises, on the event loop's thread.
class ThreadSignal {
 public:
  // REQUIRES: called once, before anything else.
  Status open();
  // REQUIRES: the loop outlives this object, and no handler is connected.
  Status connect(EventLoop& loop, std::function<void()> handler);
  void raise() const;
  void clear() const;                   // as if the handler had run
  int fd() const { return fd_.get(); }  // an eventfd, readable until the handler has run

 private:
  UniqueFd fd_;
  Watch watch_;
  bool connected_ = false;
};

}  // namespace sluice::server
