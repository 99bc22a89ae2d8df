#include "daemon/backends/driver_environment.h"

#include <algorithm>
#include <array>

#include "daemon/backends/opencl/driver_environment.h"

namespace sluice::backend {
namespace {

std::vector<std::string> cache_variables() {
  std::vector<std::string> all;
  for (const DriverEnvironment* drivers : driver_environments())
    all.insert(all.end(), drivers->cache_variables.begin(), drivers->cache_variables.end());
  return all;
}

}  // namespace

std::span<const DriverEnvironment* const> driver_environments() {
  static const std::array<const DriverEnvironment*, 1> all{&opencl::driver_environment()};
  return all;
}

std::vector<std::pair<std::string, std::string>> cache_environment(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> environment;
  for (std::string& name : cache_variables()) environment.emplace_back(std::move(name), folder);
  return environment;
}

std::vector<std::pair<std::string, std::string>> processor_environment(std::uint32_t count) {
  std::vector<std::pair<std::string, std::string>> environment;
  for (const DriverEnvironment* drivers : driver_environments())
    for (const char* name : drivers->processor_variables) environment.emplace_back(name, std::to_string(count));
  return environment;
}

bool is_cache_variable(std::string_view name) {
  const auto all = cache_variables();
  return std::find(all.begin(), all.end(), name) != all.end();
}

std::string_view preloaded_library(const wire::DeviceTraits& traits) {
  for (const DriverEnvironment* drivers : driver_environments())
    if (const std::string_view library = drivers->preloaded(traits); !library.empty()) return library;
  return {};
}

std::string advice_without_drivers() {
  std::string advice = "install a driver, such as ";
  for (const DriverEnvironment* drivers : driver_environments()) {
    if (drivers != driver_environments().front()) advice += " or ";
    advice += drivers->example_package;
  }
  return advice;
}

}  // namespace sluice::backend
