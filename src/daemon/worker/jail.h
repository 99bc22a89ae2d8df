// The worker's jail: what a session's kernels, which on a CPU device are code of this very process, can no longer do.
//
// No new privileges, no capabilities, no core dumps, no debugging in either direction; no files but the system's
// libraries to read and the tenant's cache to write (Landlock); no network, no signals to others, no mounts, modules,
// BPF and their like (seccomp). The compiler and linker that drivers start inherit all of it.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace sluice::worker {

// Once, after the drivers are loaded, with their threads running. `writable`: folders to read and write; everything
// that the driver must load and start lies in the system's folders. Fails if privileges could not be given up or the
// filter not be installed; a kernel without Landlock only gets a line in the log.
Status enter_jail(const std::vector<std::string>& writable);

}  // namespace sluice::worker
