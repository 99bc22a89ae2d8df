#include "daemon/server/worker_launcher.h"

#include <array>
#include <cstdlib>

#include "daemon/server/worker_log.h"

namespace sluice::server {
namespace {

// What a driver or its compiler may need of the daemon's own environment. Everything else stays out: what was meant
// for tenants (LD_PRELOAD, OCL_ICD_VENDORS) must not lead a worker back into the shim.
constexpr std::array inherited{"PATH", "HOME",         "USER",          "LANG",        "LC_ALL",
                               "TZ",   "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};

std::vector<std::string> worker_environment(const Config& config) {
  std::vector<std::string> environment;
  for (const char* name : inherited) {
    const char* value = std::getenv(name);
    if (value != nullptr && !config.environment.contains(name)) environment.push_back(std::string(name) + "=" + value);
  }
  if (!config.icd_dir.empty()) environment.push_back("OCL_ICD_VENDORS=" + config.icd_dir);
  for (const auto& [name, value] : config.environment) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace

WorkerLauncher::WorkerLauncher(std::string program, const RuntimeFolder& folder, const WorkerGroups& groups,
                               const Config& config)
    : program_(std::move(program)),
      folder_(folder),
      groups_(groups),
      log_level_(config.log_level),
      without_(config.jail_without.to_string()),
      build_limits_{"--build-seconds", std::to_string(config.build_s), "--build-memory",
                    std::to_string(config.build_memory_bytes)},
      environment_(worker_environment(config)) {}

Result<LaunchedWorker> WorkerLauncher::start(std::uint32_t number, std::uint32_t device) const {
  std::vector<std::string> arguments{"--device",      std::to_string(device),
                                     "--number",      std::to_string(number),
                                     "--runtime-dir", folder_.path(),
                                     "--log",         log_level_,
                                     "--without",     without_};
  arguments.insert(arguments.end(), build_limits_.begin(), build_limits_.end());
  return launch(number, std::move(arguments));
}

Result<LaunchedWorker> WorkerLauncher::start_probe(std::uint32_t number) const {
  return launch(number, {"--probe", "--log", log_level_});
}

Result<LaunchedWorker> WorkerLauncher::launch(std::uint32_t number, std::vector<std::string> arguments) const {
  if (Status made = folder_.make_worker_folder(number); !made.ok()) return made;
  auto group = groups_.make(number);
  if (!group.ok()) return group.status();
  auto pair = wire::MessageSocket::pair();
  if (!pair.ok()) return pair.status();
  auto log = make_worker_pipe();
  if (!log.ok()) return log.status();
  ProcessStart start{program_, std::move(arguments), environment_, log.value().write_end.get()};
  if (group.value()) start.cgroup_files = group.value()->procs_files();
  start.environment.push_back("POCL_CACHE_DIR=" + folder_.worker_cache(number));
  auto process = start_process(start, pair.value().second.fd());
  if (!process.ok()) return process.status();
  LaunchedWorker worker{process.take(), std::move(pair.value().first), std::move(log.value().read_end), group.take()};
  if (Status noted = folder_.record_life(number, worker.process.pid); !noted.ok()) {
    end_process(worker.process);
    return noted;
  }
  return worker;
}

std::function<void()> WorkerLauncher::removal(std::uint32_t number) const {
  return [groups = groups_.removal(number), folder = folder_.worker_folder_removal(number)] {
    groups();
    folder();
  };
}

}  // namespace sluice::server
