// A protocol fault: what no working shim would send. It ends the session, with a reason for the log.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice::worker {

inline Status fault(std::string_view why) { return Status(Code::protocol_fault, std::string(why)); }

inline constexpr std::string_view used_twice =
    "an id is 0 or was used before, or the records of the program's objects need too much memory";

}  // namespace sluice::worker
