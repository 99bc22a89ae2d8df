#include "daemon/backends/driver_environment.h"

#include <catch2/catch.hpp>

namespace sluice::backend {
namespace {

TEST_CASE("every variable of a driver's cache names the folder, and is not the owner's to set") {
  const auto environment = cache_environment("/tmp/cache");
  REQUIRE_FALSE(environment.empty());
  for (const auto& [name, folder] : environment) {
    CHECK(folder == "/tmp/cache");
    CHECK(is_cache_variable(name));
  }
  CHECK_FALSE(is_cache_variable("PATH"));
  CHECK_FALSE(is_cache_variable(""));
}

TEST_CASE("every variable that bounds a driver's threads has the number of processors") {
  const auto environment = processor_environment(3);
  REQUIRE_FALSE(environment.empty());
  for (const auto& [name, count] : environment) CHECK(count == "3");
}

TEST_CASE("a library is preloaded only where the driver is the one that it knows") {
  wire::DeviceTraits traits;
  CHECK(preloaded_library(traits).empty());
  traits.platform_name = "Portable Computing Language";
  traits.driver_version = "3.1+debian";
#ifndef SLUICE_SANITIZED
  CHECK(preloaded_library(traits) == "libsluice-pocl-3.1.so");
#endif
  for (const char* other : {"3.0", "4.0", "5.1", ""}) {
    traits.driver_version = other;
    CHECK(preloaded_library(traits).empty());
  }
  traits.platform_name = "rusticl", traits.driver_version = "3.1";
  CHECK(preloaded_library(traits).empty());
}

TEST_CASE("an owner without a driver is told of one per backend") {
  const std::string advice = advice_without_drivers();
  for (const DriverEnvironment* drivers : driver_environments())
    CHECK(advice.find(drivers->example_package) != std::string::npos);
  CHECK(advice.find(" or ") == (driver_environments().size() > 1 ? advice.rfind(" or ") : std::string::npos));
}

}  // namespace
}  // namespace sluice::backend
