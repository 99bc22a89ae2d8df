// What a process gives up for good before it becomes a worker: its user, capabilities, and most of what a user may
// have of the system's resources. By a process with a single thread.
#pragma once

#include "base/status.h"
#include "daemon/jailer/options.h"

namespace sluice::jailer {

// Leaves the daemon's groups and becomes the owner of its user namespace: uid and gid 0 there, an id of the session's
// own outside. Nothing happens without a user namespace: see drop_privileges.
Status become_namespace_owner(const Options& options);

// What the filter of system calls refuses, too; this holds without it. By the owner of a user namespace, while it can
// still write the namespace's settings. No effect without a user namespace.
void forbid_user_namespaces(const Options& options);

// Becomes the session's user where there is no user namespace; drops every capability from every set, so that no
// program that it starts has one either; forbids new privileges and core dumps; sets limits.
Status drop_privileges(const Options& options);

}  // namespace sluice::jailer
