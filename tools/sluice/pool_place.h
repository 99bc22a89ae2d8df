// Which pool a command is about: where its sockets are.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace sluice::cli {

struct PoolPlace {
  std::string socket;       // --socket
  std::string runtime_dir;  // --runtime-dir
  bool user_pool = false;   // --user
};

void add_place_options(CLI::App& command, PoolPlace& place);

// What is wrong with what was given; empty: nothing.
std::string check_place(const PoolPlace& place);

// The sockets to try, in order: the one that was asked for; if none was, the machine's pool and then the user's own.
// `name` is the socket's file name. `environment` may name a socket too ($SLUICE_SOCKET); null: none.
std::vector<std::string> sockets_to_try(const PoolPlace& place, const std::string& name, const char* environment);

}  // namespace sluice::cli
