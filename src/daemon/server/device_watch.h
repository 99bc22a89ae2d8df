// DeviceWatch: keeps the health of the pool's devices. It hears of what happens to their workers, and has devices
// probed when their health asks for it: in a process of its own each, one at a time, so that a driver that hangs or
// crashes keeps nobody waiting.
//
// Each change of a device's health is logged once.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/server/devices/device_pool.h"
#include "daemon/server/workers/discovery.h"
#include "daemon/server/workers/worker_pool.h"

namespace sluice::server {

class DeviceWatch {
 public:
  struct Settings {
    Nanoseconds probe_every_ns = 0;  // of a device on which nothing happens; 0: only in doubt
    Nanoseconds probe_ns_max = 0;    // that a probe may take
  };

  // REQUIRES: all of these outlive the watch. work_done: a number that grows while sessions get work done on a device.
  DeviceWatch(EventLoop& loop, const WorkerLauncher& launcher, BlockingTasks& tasks, DevicePool& devices,
              WorkerPool& workers, Settings settings, std::function<std::uint64_t(std::uint32_t)> work_done)
      : loop_(loop),
        devices_(devices),
        workers_(workers),
        settings_(settings),
        work_done_(std::move(work_done)),
        discovery_(loop, launcher, tasks) {}
  DeviceWatch(const DeviceWatch&) = delete;
  DeviceWatch& operator=(const DeviceWatch&) = delete;

  // Every enabled device of the pool is ok from now on.
  void start();
  void stop() { next_.reset(), running_ = false; }

  // ---- what happens; see DeviceHealth ----
  void worker_started(std::uint32_t device);
  void start_failed(std::uint32_t device, const std::string& reason);
  void worker_crashed(std::uint32_t device, const std::string& how);

 private:
  bool watches(std::uint32_t device) const;
  template <typename Event>
  void note(std::uint32_t device, Event event);
  void log_change(const PoolDevice& device) const;
  void plan();
  void probe_next();
  bool has_worked(const PoolDevice& device);
  void probe(const PoolDevice& device);
  void probed(std::uint32_t device, const Result<std::vector<wire::DeviceTraits>>& found);

  EventLoop& loop_;
  DevicePool& devices_;
  WorkerPool& workers_;
  Settings settings_;
  std::function<std::uint64_t(std::uint32_t)> work_done_;
  Discovery discovery_;
  std::optional<std::uint32_t> probing_;  // the number of the process that probes
  std::map<std::uint32_t, std::uint64_t> work_seen_;
  Timer next_;
  bool running_ = false;
};

}  // namespace sluice::server
