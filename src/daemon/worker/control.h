// The control thread's loop: it sleeps until the program or the daemon dies, or the daemon sends a message. While a
// program is built it looks now and then whether that takes too much.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/worker/build_watch.h"
#include "daemon/worker/daemon_link.h"
#include "daemon/worker/move/source.h"
#include "wire/transport/channel.h"

namespace sluice::worker {

class Control {
 public:
  // `program`: the channel to the program. `builds` and `moves` outlive this object; `moves` null: the session stays.
  Control(DaemonLink link, std::unique_ptr<wire::Channel> program, BuildWatch& builds, MoveSource* moves = nullptr);

  // Blocks without a timeout until the session is over, and says why: ok, the program has gone; otherwise a fault, or
  // the daemon's wish.
  Status wait_for_end();

  // The command thread has given up. From that thread.
  void report(Status fault);

  // Tells the program why its session ends. One that does not listen is not waited for.
  void tell_program(const Status& end) const;

  DaemonLink& link() { return link_; }

 private:
  enum class ProgramState { silent, spoke, gone };
  ProgramState look_at_program() const;
  void tell_kept();

  DaemonLink link_;
  const std::unique_ptr<wire::Channel> program_;
  BuildWatch& builds_;
  MoveSource* const moves_;
  UniqueFd reported_;
  std::mutex mutex_;
  Status fault_;  // guarded by mutex_
};

}  // namespace sluice::worker
