// What most commands have in common: send one request, print the answer for people or as JSON.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice::cli {

struct Query {
  std::string name;         // of the subcommand
  std::string description;  // one line
  std::string footer;       // examples
  std::string (*print)(const nlohmann::json& reply);
  std::string verb;  // of the protocol
};

// Adds the subcommand with --json and the options that say which pool. `request` may be filled in further by options
// that the caller adds; it is sent as it is then.
CLI::App* add_query(CLI::App& app, const Query& query, nlohmann::json& request, int& exit_code);

}  // namespace sluice::cli
