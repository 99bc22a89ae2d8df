// Which process a number means: numbers are used again, start times tell the processes apart.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/unique_fd.h"

namespace sluice::server {

// When the process started, in clock ticks since boot. 0: there is no such process, or this one may not know.
std::uint64_t start_ticks_of(pid_t pid);

// A pidfd of the process that has this number and started then. Not valid: it is gone.
UniqueFd open_same_process(pid_t pid, std::uint64_t start_ticks);

}  // namespace sluice::server
