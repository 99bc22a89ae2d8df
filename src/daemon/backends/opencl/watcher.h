// Watcher: follows the commands of one in-order queue on a thread of its own, for a driver whose callbacks and times
// are of no use. It waits for what a command waits for, notes the time, waits for the command, notes the time.
//
// rusticl (Mesa 22.3.6) makes no callback for a command that failed. It makes those for the first commands of a batch
// only after the last one, which may wait for an event that the program sets when the first has ended. And it gives 0,
// 1, 2 and 3 ns as the times of every command.
//
// The driver does not report which of several queues the device works for. So its time is counted once: a command is
// taken to start no earlier than the latest end of any command, and all commands together never take longer than has
// passed.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "daemon/backends/opencl/api.h"
#include "wire/timeline.h"

namespace sluice::backend::opencl {

class Watcher {
 public:
  struct Command {
    cl_event event = nullptr;  // kept alive by the receiver of the end
    std::vector<EventHandle> wait_list;
    Nanoseconds submitted_ns = 0;
    void* context = nullptr;
  };
  // On the watcher's thread, once for each command, in order. A command whose wait list failed has
  // CL_EXEC_STATUS_ERROR.
  using Ended = void (*)(void* context, cl_int status, const wire::CommandTimes& times);

  // `latest_end_ns` is shared by the watchers of one device, and outlives the commands.
  Watcher(Ended ended, std::atomic<Nanoseconds>& latest_end_ns);
  // Does not wait: the thread follows the last command to its end and goes.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // REQUIRES: called in the order in which the commands were enqueued.
  void add(Command command);

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared, Ended ended, std::atomic<Nanoseconds>& latest_end_ns);
  std::shared_ptr<Shared> shared_;
};

}  // namespace sluice::backend::opencl
