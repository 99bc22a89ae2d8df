// sluice tenant token: makes, lists and revokes what shows that a program may use a tenant.
#pragma once

#include <CLI/CLI.hpp>

namespace sluice::cli {

void add_token(CLI::App& tenant, int& exit_code);

}  // namespace sluice::cli
