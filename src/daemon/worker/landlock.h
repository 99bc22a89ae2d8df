// The file system as a jailed worker sees it: a Landlock rule set.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::worker {

// A rule set that allows reading and running what the system's folders hold, the device nodes of GPUs, and reading and
// writing the folders given. unsupported: the kernel has no Landlock.
Result<UniqueFd> make_file_rules(const std::vector<std::string>& writable);

// For the calling thread and what it starts. Async-signal-safe. False: errno says why.
bool apply_file_rules(int rules);

}  // namespace sluice::worker
