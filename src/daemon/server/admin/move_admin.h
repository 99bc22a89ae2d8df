// The verbs of the admin protocol that move sessions (docs/ADMIN-PROTOCOL.md).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/status.h"
#include "daemon/server/sessions/session_mover.h"

namespace sluice::server {

inline constexpr char session_move_verb[] = "session-move", session_move_show_verb[] = "session-move-show";

// Starts a move, or with `dry_run` only says whether it could be started.
Result<nlohmann::json> start_move(SessionMover& mover, const nlohmann::json& request);
// How far a move is, or how it ended.
Result<nlohmann::json> show_move(const SessionMover& mover, const nlohmann::json& request);

}  // namespace sluice::server
