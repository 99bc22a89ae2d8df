#include "daemon/server/workers/worker_launcher.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "base/contract.h"
#include "base/log.h"
#include "daemon/backends/driver_environment.h"
#include "daemon/server/workers/worker_log.h"

namespace sluice::server {
namespace {

// What a driver or its compiler may need of the daemon's own environment. Everything else stays out: what was meant
// for tenants (a preloaded shim, a list of drivers) must not lead a worker back into the shim.
constexpr std::array inherited{"PATH", "LANG", "LC_ALL", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};
// In the jail, where nothing else can be written.
constexpr std::string_view jail_home = "HOME=/tmp";
constexpr const char* jail_cache = "/tmp/cache";

std::vector<std::string> worker_environment(const Config& config) {
  std::vector<std::string> environment{std::string(jail_home)};
  for (const char* name : inherited) {
    const char* value = std::getenv(name);
    if (value != nullptr && !config.environment.contains(name)) environment.push_back(std::string(name) + "=" + value);
  }
  for (const backend::DriverEnvironment* drivers : backend::driver_environments())
    if (!config.icd_dir.empty()) environment.push_back(drivers->drivers_variable + ("=" + config.icd_dir));
  for (const auto& [name, value] : config.environment) environment.push_back(name + "=" + value);
  return environment;
}

std::vector<std::string> readable_paths(const Config& config, const std::string& program) {
  std::vector<std::string> paths = config.jail_readable;
  if (!config.icd_dir.empty()) paths.push_back(config.icd_dir);
  paths.push_back(program);
  return paths;
}

// A sanitizer's runtime writes its reports where its options say. No ordinary worker has such a folder.
std::vector<std::string> writable_paths([[maybe_unused]] const Config& config) {
#ifdef SLUICE_SANITIZED
  if (const auto found = config.environment.find("SLUICE_SANITIZER_REPORTS"); found != config.environment.end())
    return {found->second};
#endif
  return {};
}

void append(std::vector<std::string>& words, const char* option, const std::vector<std::string>& values) {
  for (const std::string& value : values) words.insert(words.end(), {option, value});
}

}  // namespace

WorkerLauncher::WorkerLauncher(std::string jailer, std::string program, const RuntimeFolder& folder,
                               const WorkerGroups& groups, const Config& config)
    : jailer_(std::move(jailer)),
      program_(std::move(program)),
      folder_(folder),
      groups_(groups),
      log_level_(config.log_level),
      without_(config.jail_without),
      uids_own_(geteuid() == 0 && !config.jail_without.has(Fence::own_uid)),
      uid_first_(config.uid_first),
      uid_count_(config.uid_count),
      build_limits_{"--build-seconds", std::to_string(config.build_s), "--build-memory",
                    std::to_string(config.build_memory_bytes)},
      readable_(readable_paths(config, program_)),
      writable_(writable_paths(config)),
      environment_(worker_environment(config)) {}

unsigned WorkerLauncher::uid_of(std::uint32_t number) const {
  return uids_own_ ? uid_first_ + 1 + number % uid_count() : geteuid();
}

unsigned WorkerLauncher::cache_owner() const { return uids_own_ ? uid_first_ : geteuid(); }

void WorkerLauncher::set_devices(std::span<const WorkerDevice> devices) {
  places_.clear();
  for (const WorkerDevice& device : devices) places_.push_back(place_of(device));
}

WorkerLauncher::Place WorkerLauncher::place_of(const WorkerDevice& device) const {
  Place place{{"--device", std::to_string(device.driver_index)},
              preload_of(device.traits),
              device.cpus,
              std::to_array(device.traits.uuid)};
  if (!device.cpus.empty()) place.options.emplace_back("--bound");
  return place;
}

bool WorkerLauncher::is_device(std::uint32_t device, std::span<const wire::DeviceTraits> opened) const {
  SLUICE_REQUIRE(device < places_.size());
  return opened.size() == 1 && std::to_array(opened.front().uuid) == places_[device].uuid;
}

// The libraries lie beside the worker's program.
std::string WorkerLauncher::preload_of(const wire::DeviceTraits& traits) const {
  const std::string_view library = backend::preloaded_library(traits);
  if (library.empty()) return {};
  const std::string path = program_.substr(0, program_.rfind('/') + 1) + std::string(library);
  if (access(path.c_str(), R_OK) == 0) return path;
  log::warn("{}: {} is missing, which works around faults of its driver", traits.name, path);
  return {};
}

Result<LaunchedWorker> WorkerLauncher::start(std::uint32_t number, std::uint32_t device) const {
  SLUICE_REQUIRE(device < places_.size());
  std::vector<std::string> arguments{"--number", std::to_string(number)};
  arguments.insert(arguments.end(), build_limits_.begin(), build_limits_.end());
  return launch(number, places_[device], std::move(arguments));
}

Result<LaunchedWorker> WorkerLauncher::start_probe(std::uint32_t number, const WorkerDevice* only) const {
  return launch(number, only != nullptr ? place_of(*only) : Place(), {"--probe"});
}

// The first of two variables of one name counts.
std::vector<std::string> WorkerLauncher::environment_on(const CpuSet& cpus) const {
  std::vector<std::string> environment;
  if (!cpus.empty())
    for (const auto& [name, count] : backend::processor_environment(cpus.count()))
      environment.push_back(name + "=" + count);
  environment.insert(environment.end(), environment_.begin(), environment_.end());
  return environment;
}

ProcessStart WorkerLauncher::jailed(std::uint32_t number, const Place& place,
                                    std::vector<std::string> arguments) const {
  ProcessStart start;
  start.program = jailer_;
  start.without = without_;
  start.uid = uid_of(number);
  start.gid = uids_own_ ? start.uid : getegid();
  start.environment = environment_on(place.cpus);
  start.cpus = place.cpus;
  std::vector<std::string>& words = start.arguments;
  words = {"--uid", std::to_string(start.uid), "--gid", std::to_string(start.gid), "--without", without_.to_string()};
  append(words, "--read", readable_);
  append(words, "--write", writable_);
  if (!place.preload.empty()) append(words, "--preload", {place.preload});
  words.insert(words.end(),
               {"--", program_, "--pool", folder_.path(), "--log", log_level_, "--without", without_.to_string()});
  append(words, "--readable", readable_);
  append(words, "--writable", writable_);
  words.insert(words.end(), place.options.begin(), place.options.end());
  words.insert(words.end(), arguments.begin(), arguments.end());
  return start;
}

Result<LaunchedWorker> WorkerLauncher::launch(std::uint32_t number, const Place& place,
                                              std::vector<std::string> arguments) const {
  SLUICE_TRY(folder_.make_worker_folder(number));
  auto group = SLUICE_TRY(groups_.make(number, place.cpus));
  auto pair = SLUICE_TRY(wire::MessageSocket::pair());
  auto adoption_socket = SLUICE_TRY(wire::bind_at(folder_.adoption_socket(number), 0600));
  auto log = SLUICE_TRY(make_worker_pipe());
  ProcessStart start = jailed(number, place, std::move(arguments));
  for (const auto& [name, folder] : backend::cache_environment(jail_cache))
    start.environment.push_back(name + "=" + folder);
  start.descriptors = {pair.second.fd(), adoption_socket.get()};
  start.log = log.write_end.get();
  if (group) start.cgroup_files = group->procs_files();
  auto process = SLUICE_TRY(start_process(start));
  LaunchedWorker worker{std::move(process), std::move(pair.first), std::move(log.read_end), std::move(group)};
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
