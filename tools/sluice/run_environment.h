// The environment that brings a program into the pool.
#pragma once

#include <map>
#include <string>

#include "base/status.h"

namespace sluice::cli {

struct RunSettings {
  std::string shim_folder;  // holds libOpenCL.so, libOpenCL.so.1 and vendors/
  std::string socket;       // the pool's tenant.sock
  std::string tenant;       // empty: the user's default
  std::string gpu;          // "250m"; empty: whatever the tenant has
  std::string memory;       // "2GiB"; empty: likewise
  std::string token_file;   // what shows who it is; empty: the kernel's word is enough
};

// What is to be set, by name; `current` is the environment now (getenv, or a test's own). An empty tenant, gpu,
// memory or token file is to be unset: what an outer `sluice run` chose must not leak into this one.
// invalid_argument: the loader could not make sense of the shim's path.
Result<std::map<std::string, std::string>> run_environment(const RunSettings& settings,
                                                           const char* (*current)(const char* name));

}  // namespace sluice::cli
