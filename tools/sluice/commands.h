// The subcommands of `sluice`. Each adds itself to the command line; when it was chosen, it runs inside app.parse() and
// leaves its exit code in `exit_code`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace sluice::cli {

// program: what stood behind "--".
void add_run(CLI::App& app, const std::vector<std::string>& program, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_devices(CLI::App& app, int& exit_code);
void add_sessions(CLI::App& app, int& exit_code);
void add_session(CLI::App& app, int& exit_code);
void add_tenant(CLI::App& app, int& exit_code);
void add_apply(CLI::App& app, int& exit_code);
void add_doctor(CLI::App& app, int& exit_code);

// The whole command line. Returns the exit code.
int run_command_line(int argc, char** argv);

// One line on stderr, "sluice: ..."; returns the code, for `return complain(...)`.
int complain(int exit_code, const std::string& message);

}  // namespace sluice::cli
