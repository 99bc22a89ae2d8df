// Runs a few system calls on every thread of the process, for what the kernel only grants per thread.
#pragma once

#include <cstddef>

#include "base/status.h"

namespace sluice::worker {

// Calls `action` on every thread, the caller's included, by way of a signal; `action` must be async-signal-safe.
// Threads that are started meanwhile inherit from one that has run it. Returns how many threads did not answer in time:
// drivers may block SIGSYS on theirs, with all others.
std::size_t run_on_all_threads(void (*action)());

}  // namespace sluice::worker
