// JailProfile: what a worker must reach so that a backend's drivers work in it, and nothing else.
//
// Plain data, one profile per backend: a new chip brings its own. The jailer builds a worker's root folder from it, the
// worker its rules for files and system calls. Paths that a machine does not have are left out. Thread-safe.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::backend {

struct JailProfile {
  const char* name = "";
  // Folders and files to read and to run, beside those of every worker (base_jail_profile).
  std::span<const char* const> readable;
  // Device nodes, or folders of them, to read and write. `device_files` are readable only where one of them exists.
  std::span<const char* const> devices;
  std::span<const char* const> device_files;
  // System calls by name, beside those of every worker.
  std::span<const char* const> system_calls;
  // The type bytes (_IOC_TYPE) of the ioctls that the drivers make on `devices`, where one of those exists.
  std::span<const std::uint8_t> ioctl_types;
};

// What every worker needs, whatever its backend: the system's libraries, the C library's system calls.
const JailProfile& base_jail_profile();
// One per backend of make_backends().
std::span<const JailProfile* const> jail_profiles();

// Does one of the profile's devices exist here?
bool has_devices(const JailProfile& profile);

}  // namespace sluice::backend
