// The system calls that a worker may make: an allow-list (seccomp(2)) from the jail profiles, with a look at the
// arguments that decide. A call that is not on it does not exist (ENOSYS), so that libraries fall back to another.
#pragma once

#include "base/status.h"

namespace sluice::worker {

// For this process and all that it starts. bound: it may not choose other CPUs than it was started on.
// REQUIRES: no new privileges.
Status allow_known_calls(bool bound);

// What only a worker without a session needs is refused from now on, on all threads. REQUIRES: the above.
Status refuse_start_calls();

}  // namespace sluice::worker
