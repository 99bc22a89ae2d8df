// WorkerLauncher: starts a worker's process in its jail, with what it must know, and nothing of what it must not.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/cpu_set.h"
#include "base/status.h"
#include "daemon/server/runtime/config.h"
#include "daemon/server/runtime/process.h"
#include "daemon/server/runtime/runtime_folder.h"
#include "daemon/server/workers/worker_groups.h"
#include "wire/device_traits.h"
#include "wire/transport/message_socket.h"

namespace sluice::server {

struct LaunchedWorker {
  Process process;
  wire::MessageSocket link;
  UniqueFd log;  // the read end of what it writes to stdout and stderr: see worker_log.h
  std::optional<cgroups::WorkerCgroup> group = {};  // nothing: the pool does without
};

// A device of the pool, as its workers are started on it.
struct WorkerDevice {
  std::uint32_t driver_index = 0;  // in the order of discovery: what a worker is told with --device
  CpuSet cpus;                     // a card's: its workers run nowhere else, and drivers see no others; empty: all
  wire::DeviceTraits traits;
};

class WorkerLauncher {
 public:
  // Absolute paths. REQUIRES: `folder` and `groups` outlive the launcher.
  WorkerLauncher(std::string jailer, std::string program, const RuntimeFolder& folder, const WorkerGroups& groups,
                 const Config& config);

  // The user of the machine that a worker runs as. Two workers whose numbers are apart by a multiple of uid_count()
  // would have the same, and must not live at a time.
  unsigned uid_of(std::uint32_t number) const;
  std::uint32_t uid_count() const { return uids_own_ ? uid_count_ - 1 : 1; }
  // The user whose the files in tenants' caches are: no worker's, so that none reaches them but through its mount.
  unsigned cache_owner() const;

  // By index in the pool. To be called before start().
  void set_devices(std::span<const WorkerDevice> devices);

  // Is this what a worker of the device is to open? Drivers that come or go number their devices anew.
  bool is_device(std::uint32_t device, std::span<const wire::DeviceTraits> opened) const;

  // Makes the worker's folder and control groups, starts it in them on a device, and notes who it is.
  Result<LaunchedWorker> start(std::uint32_t number, std::uint32_t device) const;
  // Starts one that describes all devices and exits, or the one of `only`, as workers are started on it. It has worker
  // number `number` for its folder.
  Result<LaunchedWorker> start_probe(std::uint32_t number, const WorkerDevice* only = nullptr) const;
  // Ends whatever of worker `number` still lives, and removes its groups and folder: work to be run elsewhere, which
  // owns all it needs. For workers of earlier daemons and for those that did not start, too.
  std::function<void()> removal(std::uint32_t number) const;
  const WorkerGroups& groups() const { return groups_; }

 private:
  // Where a worker runs, and with what.
  struct Place {
    std::vector<std::string> options;  // of the worker, that say which device
    std::string preload;               // a library's path, or nothing
    CpuSet cpus;
    std::array<std::uint8_t, sizeof(wire::DeviceTraits::uuid)> uuid{};
  };
  Place place_of(const WorkerDevice& device) const;
  std::string preload_of(const wire::DeviceTraits& traits) const;
  std::vector<std::string> environment_on(const CpuSet& cpus) const;
  Result<LaunchedWorker> launch(std::uint32_t number, const Place& place, std::vector<std::string> arguments) const;
  ProcessStart jailed(std::uint32_t number, const Place& place, std::vector<std::string> arguments) const;

  std::string jailer_, program_;
  const RuntimeFolder& folder_;
  const WorkerGroups& groups_;
  std::string log_level_;
  FenceSet without_;
  bool uids_own_;  // each worker has a user of its own
  std::uint32_t uid_first_, uid_count_;
  std::vector<std::string> build_limits_;  // as options
  std::vector<std::string> readable_, writable_;
  std::vector<Place> places_;             // by device
  std::vector<std::string> environment_;  // but for what differs from worker to worker
};

}  // namespace sluice::server
