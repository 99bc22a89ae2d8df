// WorkerLauncher: starts a worker's process with what it must know, and nothing of what it must not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "daemon/server/config.h"
#include "daemon/server/process.h"
#include "daemon/server/runtime_folder.h"
#include "wire/message_socket.h"

namespace sluice::server {

struct LaunchedWorker {
  Process process;
  wire::MessageSocket link;
  UniqueFd log;  // the read end of what it writes to stdout and stderr: see worker_log.h
};

class WorkerLauncher {
 public:
  // REQUIRES: `folder` outlives the launcher.
  WorkerLauncher(std::string program, const RuntimeFolder& folder, const Config& config);

  // Makes the worker's folder, starts it on a device, and notes who it is.
  Result<LaunchedWorker> start(std::uint32_t number, std::uint32_t device) const;
  // Starts one that lists all devices and exits. It has worker number `number` for its folder.
  Result<LaunchedWorker> start_probe(std::uint32_t number) const;

 private:
  Result<LaunchedWorker> launch(std::uint32_t number, std::vector<std::string> arguments) const;

  std::string program_;
  const RuntimeFolder& folder_;
  std::string log_level_;
  std::vector<std::string> environment_;  // but for what differs from worker to worker
};

}  // namespace sluice::server
