// DriverEnvironment: the environment variables of a backend's drivers, and a package to recommend.
//
// Plain data, one per backend, for the daemon and the jailer, which load no driver and know no driver's name.
// Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/device_traits.h"

namespace sluice::backend {

struct DriverEnvironment {
  // Names the folder that lists the drivers.
  const char* drivers_variable = "";
  // Each names the folder where a driver keeps compiled code.
  std::span<const char* const> cache_variables;
  // Each says on how many processors a driver that computes on the host may run kernels.
  std::span<const char* const> processor_variables;
  // A package that brings a driver, for an owner who has none.
  const char* example_package = "";
  // The library to preload into workers of a device, beside their program: a file name. Empty: none.
  std::string_view (*preloaded)(const wire::DeviceTraits& traits) = nullptr;
};

// One per backend of make_backends().
std::span<const DriverEnvironment* const> driver_environments();

// Every variable of `cache_variables`, each with this folder: {name, folder}.
std::vector<std::pair<std::string, std::string>> cache_environment(const std::string& folder);
// Is it among them? Then it is not the owner's to set.
bool is_cache_variable(std::string_view name);

// Every variable of `processor_variables`, each with this count: {name, count}.
std::vector<std::pair<std::string, std::string>> processor_environment(std::uint32_t count);

// The library that some backend has preloaded into workers of a device: a file name. Empty: none does.
std::string_view preloaded_library(const wire::DeviceTraits& traits);

// What an owner can do where no device is found: "install a driver, such as ...".
std::string advice_without_drivers();

}  // namespace sluice::backend
