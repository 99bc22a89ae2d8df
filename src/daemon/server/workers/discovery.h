// Discovery: asks a worker process which devices there are. The daemon itself never loads a driver: one that crashes
// or hangs costs a process.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/status.h"
#include "daemon/server/runtime/blocking_tasks.h"
#include "daemon/server/runtime/event_loop.h"
#include "daemon/server/workers/worker_launcher.h"
#include "daemon/server/workers/worker_log.h"
#include "wire/device_traits.h"

namespace sluice::server {

class Discovery {
 public:
  using Found = std::function<void(Result<std::vector<wire::DeviceTraits>>)>;

  // REQUIRES: all of these outlive the discovery.
  Discovery(EventLoop& loop, const WorkerLauncher& launcher, BlockingTasks& tasks)
      : loop_(loop), launcher_(launcher), tasks_(tasks) {}
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // Calls `found` once, from the loop, at most `ns_max` later, with every device there is, or with the one of `only` as
  // its workers will see it, or with none if it is not there any more. REQUIRES: no discovery is running; `only` is not
  // kept.
  void start(std::uint32_t worker_number, Nanoseconds ns_max, Found found, const WorkerDevice* only = nullptr);

 private:
  void on_readable();
  void await_end();
  void finish(Result<std::vector<wire::DeviceTraits>> result);

  EventLoop& loop_;
  const WorkerLauncher& launcher_;
  BlockingTasks& tasks_;
  LineQuota log_quota_{WorkerLog::lines_of_all_per_window, WorkerLog::window_ns};
  std::unique_ptr<WorkerLog> log_;
  std::optional<LaunchedWorker> worker_;
  std::uint32_t number_ = 0;
  Watch watch_;
  Timer deadline_;
  Found found_;
};

}  // namespace sluice::server
