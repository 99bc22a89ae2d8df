// Can this program be brought into the pool? The shim comes in by LD_PRELOAD, which the system's loader honours only
// for dynamically linked programs that gain no rights by being run.
#pragma once

#include <string>

#include "base/status.h"

namespace sluice::cli {

// The file that `name` means: itself if it has a slash, else the first executable of that name in $PATH.
// not_found, or permission_denied: it is there but may not be executed. Both say so in a sentence.
Result<std::string> find_program(const std::string& name);

// unsupported, with the reason: set-user-ID, set-group-ID or file capabilities, static linking, another machine's or
// word size's program, no program at all. Follows the #! line of scripts. What cannot be read is let through.
Status check_preloadable(const std::string& path);

}  // namespace sluice::cli
