// The worker's part of its jail. A session's kernels are code of this very process on a CPU device, so all that the
// process can do, they can.
//
// The jailer has put up the rest before the worker began: namespaces, an empty root, a user without privileges
// (daemon/jailer/). What is left is what a process must do to itself: no debugging, system calls by an allow-list, and
// once the session's folder is known, files by an allow-list too. The compiler and the linker that drivers start
// inherit all of it.
#pragma once

#include "base/status.h"
#include "daemon/sessions/fences.h"
#include "daemon/worker/landlock.h"

namespace sluice::worker {

// Before the first driver is loaded, and before the process has a second thread. bound: it must stay on the CPUs that
// it was started on. Not ok: the worker must not go on.
Status shut_jail(const FenceSet& without, bool bound = false);

// Once, when the worker has been given a session, with the drivers' threads running. Not ok: some fence is not up, on
// one thread or all; the session must not begin.
Status tighten_jail(const FenceSet& without, const FilePaths& paths);

}  // namespace sluice::worker
