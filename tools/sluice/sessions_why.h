// sluice sessions --why: who runs, who does not, and what keeps them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::cli {

std::string print_why(const nlohmann::json& reply);

}  // namespace sluice::cli
