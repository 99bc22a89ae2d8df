// Asks a daemon's admin socket one question (docs/ADMIN-PROTOCOL.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"

namespace sluice::cli {

// Tries the sockets in order and asks the first daemon that answers. What it says may be a refusal: see "ok".
//   unavailable        nobody answers at any of them
//   permission_denied  a daemon is there, and is not this user's to ask
//   protocol_fault     what came back is no answer
//   deadline_exceeded  it took longer than ten seconds
Result<nlohmann::json> ask(const std::vector<std::string>& sockets, const nlohmann::json& request);

// For a command: asks, and prints what went wrong, or why the daemon refused. Returns the exit code; `reply` holds the
// answer, without "ok", if it is exit_ok.
int ask_or_complain(const std::vector<std::string>& sockets, const nlohmann::json& request, nlohmann::json& reply);

}  // namespace sluice::cli
