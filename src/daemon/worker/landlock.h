// The file system as a jailed worker sees it: a Landlock rule set.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::worker {

// Beside what the jail profiles name (backends/jail_profile.h).
struct FilePaths {
  std::vector<std::string> readable;  // to read and to run
  std::vector<std::string> writable;  // to read and write files, folders and links; not to run
};

// unsupported: the kernel has no Landlock, or its list of security modules leaves it out (lsm= on its command line).
Status file_rules_available();

// A rule set that allows reading and running what the profiles name, their device nodes, and these paths.
// unsupported: as above.
Result<UniqueFd> make_file_rules(const FilePaths& paths);

// For the calling thread and what it starts. Async-signal-safe. False: errno says why.
bool apply_file_rules(int rules);

}  // namespace sluice::worker
