#include "tools/sim/options.h"

#include <charconv>

#include "allocator/planner.h"

namespace sluice::sim {
namespace {

constexpr std::uint64_t synthetic_seed = 1;
constexpr std::size_t scale_max = 64;

bool parse_number(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void add_trace_options(CLI::App& command, Options& options) {
  CLI::Option* nodes = command.add_option("--nodes", options.nodes_file,
                                          "nodes, as CSV with the columns sn,cpu_milli,memory_mib,gpu,model");
  CLI::Option* pods =
      command.add_option("--pods", options.requests_file,
                         "requests, as CSV with the columns cpu_milli,memory_mib,num_gpu,gpu_milli[,gpu_spec]");
  command.add_option("--scale", options.scale, "so many times the nodes and the requests of the trace")
      ->check(CLI::Range(std::size_t{1}, scale_max))
      ->capture_default_str();
  nodes->needs(pods);
  pods->needs(nodes);
}

void add_common_options(CLI::App& command, Options& options) {
  command.add_option("--policy", options.policies, "one or more of: " + allocator::policy_names())
      ->default_str("balance fgd");
  command
      .add_option("--seeds", options.seeds, "one run for each seed from A to B; what is printed are means over them")
      ->type_name("A-B")
      ->capture_default_str();
  command.add_option("--moves", options.moves, "move at most so many slices for a request that fits nowhere")
      ->check(CLI::Range(std::size_t{0}, allocator::plan_moves_max))
      ->capture_default_str();
  command.add_flag("--json", options.json, "print JSON instead of a table");
  command.add_option("--svg", options.svg_folder, "write plots into this folder")
      ->type_name("FOLDER")
      ->check(CLI::ExistingDirectory);
}

Result<Seeds> parse_seeds(const std::string& text) {
  const std::size_t dash = text.find('-');
  Seeds seeds;
  const bool good = parse_number(std::string_view(text).substr(0, dash), seeds.first) &&
                    (dash == std::string::npos ? (seeds.last = seeds.first, true)
                                               : parse_number(std::string_view(text).substr(dash + 1), seeds.last));
  if (!good || seeds.last < seeds.first || seeds.last - seeds.first >= 100'000)
    return Status(Code::invalid_argument, "'" + text + "' is no range of seeds; write 42-51 or 7");
  return seeds;
}

Result<std::vector<const allocator::Policy*>> find_policies(const std::vector<std::string>& names) {
  std::vector<const allocator::Policy*> found;
  for (const std::string& name : names) {
    const allocator::Policy* policy = allocator::find_policy(name);
    if (policy == nullptr)
      return Status(Code::not_found, "there is no policy '" + name + "'; there are: " + allocator::policy_names());
    found.push_back(policy);
  }
  if (found.empty()) found = {&allocator::default_policy(), allocator::find_policy("fgd")};
  return found;
}

Result<Trace> load_trace(const Options& options) {
  if (options.nodes_file.empty()) return enlarged(synthetic_trace(synthetic_seed), options.scale);
  return enlarged(SLUICE_TRY(read_trace(options.nodes_file, options.requests_file)), options.scale);
}

}  // namespace sluice::sim
