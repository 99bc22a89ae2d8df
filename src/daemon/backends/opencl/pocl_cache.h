// PoCL's own cache of compiled kernels, moved into the folder of a session's tenant and kept within bounds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice::backend::opencl {

// PoCL reads its cache folder's path once, when it loads, long before anyone knows the tenant. So the path it is given
// (POCL_CACHE_DIR) is that of a symlink of this worker's own, which this points at the tenant's folder. The folder is
// made if need be. Nothing happens if the variable names no symlink: another driver, or a process outside the pool.
Status point_pocl_cache_at(const std::string& folder);

// PoCL never removes anything. Above `bytes_max`, the programs that were used longest ago go, but none that was used
// within the last day: a session may be about to load a kernel of it.
void prune_pocl_cache(const std::string& folder, std::uint64_t bytes_max);

// PoCL makes binaries of the files in its cache, and skips those that are gone. True: the program itself is missing in
// this one, which PoCL takes for an impossible binary and aborts. False for other drivers' binaries.
bool lacks_program(std::string_view native_binary);

}  // namespace sluice::backend::opencl
