// What `sluice session move` prints (docs/ADMIN-PROTOCOL.md, "Moves").
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::cli {

// One line without its end, of a move that runs.
std::string progress_line(const nlohmann::json& move);
std::string print_planned_move(const nlohmann::json& reply);
// Of one that is done: what moved, and how long it paused.
std::string print_move(const nlohmann::json& move);
// Why it did not move, or not all of it. REQUIRES: it has "failed".
std::string move_failure(const nlohmann::json& move);

}  // namespace sluice::cli
