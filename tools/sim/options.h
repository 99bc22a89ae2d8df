// The options that the subcommands of sluice-sim share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "allocator/policy.h"
#include "base/status.h"
#include "tools/sim/trace.h"

namespace sluice::sim {

struct Seeds {
  std::uint64_t first = 42, last = 51;
};

struct Options {
  std::string nodes_file, requests_file;
  std::vector<std::string> policies;
  std::string seeds = "42-51";
  std::size_t scale = 1, moves = 0, background = 0;
  bool json = false;
  std::string svg_folder;
  std::size_t reasons = 0;
};

void add_trace_options(CLI::App& command, Options& options);
void add_common_options(CLI::App& command, Options& options);

Result<Seeds> parse_seeds(const std::string& text);  // "42-51", "7"
Result<std::vector<const allocator::Policy*>> find_policies(const std::vector<std::string>& names);
// The trace of the named files, or else a synthetic one, enlarged by options.scale.
Result<Trace> load_trace(const Options& options);

}  // namespace sluice::sim
