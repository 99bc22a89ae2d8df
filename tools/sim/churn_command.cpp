#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/sim/churn.h"
#include "tools/sim/commands.h"
#include "tools/sim/plot.h"
#include "tools/sim/statistics.h"

namespace sluice::sim {
namespace {

using allocator::NodeSpec;
using allocator::Request;

// One policy at one load, all seeds together.
struct Row {
  std::string policy;
  double load = 0;
  ChurnResult sum;

  double rejected_percent() const { return percent(sum.rejected, sum.requests); }
  double rejected_gpu_percent() const { return percent(sum.rejected_milli, sum.milli); }
  double rejected_with_room_percent() const { return percent(sum.rejected_with_room, sum.requests); }
  double moves_per_rescue() const {
    return sum.rescues.requests == 0
               ? 0
               : static_cast<double>(sum.rescues.moves) / static_cast<double>(sum.rescues.requests);
  }

 private:
  static double percent(std::uint64_t part, std::uint64_t all) {
    return all == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(all);
  }
};

Row run(const std::vector<NodeSpec>& nodes, const std::vector<Request>& requests, const std::string& name,
        const allocator::Policy& policy, Seeds seeds, const ChurnSettings& settings) {
  Row row{name, settings.load, {}};
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    const ChurnResult result = churn(nodes, requests, policy, seed, settings);
    row.sum.requests += result.requests;
    row.sum.milli += result.milli;
    row.sum.rejected += result.rejected;
    row.sum.rejected_milli += result.rejected_milli;
    row.sum.rejected_with_room += result.rejected_with_room;
    row.sum.rescues.requests += result.rescues.requests;
    row.sum.rescues.milli += result.rescues.milli;
    row.sum.rescues.moves += result.rescues.moves;
    row.sum.rescues.background_moves += result.rescues.background_moves;
    append(row.sum.rescues.plan_ns, result.rescues.plan_ns);
    append(row.sum.decision_ns, result.decision_ns);
  }
  std::sort(row.sum.decision_ns.begin(), row.sum.decision_ns.end());
  std::sort(row.sum.rescues.plan_ns.begin(), row.sum.rescues.plan_ns.end());
  return row;
}

void print_json(const std::string& what, Seeds seeds, std::size_t moves, const std::vector<Row>& rows) {
  nlohmann::json report{
      {"what", what}, {"seeds", seeds.last - seeds.first + 1}, {"moves_max", moves}, {"rows", nlohmann::json::array()}};
  for (const Row& row : rows)
    report["rows"].push_back({{"policy", row.policy},
                              {"load", row.load},
                              {"requests", row.sum.requests},
                              {"rejected_percent", row.rejected_percent()},
                              {"rejected_gpu_percent", row.rejected_gpu_percent()},
                              {"rejected_with_room_percent", row.rejected_with_room_percent()},
                              {"rescues", row.sum.rescues.requests},
                              {"moves_per_rescue", row.moves_per_rescue()},
                              {"background_moves", row.sum.rescues.background_moves},
                              {"decision_p50_us", quantile_us(row.sum.decision_ns, 0.5)},
                              {"decision_p99_us", quantile_us(row.sum.decision_ns, 0.99)},
                              {"plan_p99_us", quantile_us(row.sum.rescues.plan_ns, 0.99)}});
  std::printf("%s\n", report.dump(2).c_str());
}

void print_table(const std::string& what, Seeds seeds, std::size_t moves, const std::vector<Row>& rows) {
  std::printf("%s, at most %zu moves a request, %llu seeds\n", what.c_str(), moves,
              static_cast<unsigned long long>(seeds.last - seeds.first + 1));
  std::printf("%-12s %5s  %9s %9s %11s  %9s  %-19s  %s\n", "", "", "rejected", "of GPUs", "though free", "moves a",
              "decision, us", "plan, ms");
  std::printf("%-12s %5s  %9s %9s %11s  %9s  %9s %9s  %9s\n", "policy", "load", "%", "%", "in total, %", "rescue",
              "p50", "p99", "p99");
  for (const Row& row : rows)
    std::printf("%-12s %5.2f  %9.3f %9.3f %11.4f  %9.2f  %9.1f %9.1f  %9.1f\n", row.policy.c_str(), row.load,
                row.rejected_percent(), row.rejected_gpu_percent(), row.rejected_with_room_percent(),
                row.moves_per_rescue(), quantile_us(row.sum.decision_ns, 0.5), quantile_us(row.sum.decision_ns, 0.99),
                quantile_us(row.sum.rescues.plan_ns, 0.99) / 1000);
  for (const Row& row : rows)
    if (row.sum.rescues.background_moves > 0)
      std::printf("%s at load %.2f moved %.3f slices in the background for each request\n", row.policy.c_str(),
                  row.load,
                  static_cast<double>(row.sum.rescues.background_moves) / static_cast<double>(row.sum.requests));
}

// A line for each policy, a point for each load.
Status plot(const std::string& path, const std::string& what, const std::vector<Row>& rows) {
  Plot rejected{"Rejected, " + what, "load", "% of the milli-GPU asked for", {}};
  for (const Row& row : rows) {
    auto line = std::find_if(rejected.lines.begin(), rejected.lines.end(),
                             [&](const Line& known) { return known.name == row.policy; });
    if (line == rejected.lines.end()) line = rejected.lines.insert(line, Line{row.policy, {}});
    line->points.emplace_back(row.load, row.rejected_gpu_percent());
  }
  for (Line& line : rejected.lines) std::sort(line.points.begin(), line.points.end());
  return write_svg(path, rejected);
}

Status run_all(const std::string& name, const std::string& what, const std::vector<NodeSpec>& nodes,
               const std::vector<Request>& requests, const Options& options, const std::vector<double>& loads) {
  const auto seeds = SLUICE_TRY(parse_seeds(options.seeds));
  const auto policies = SLUICE_TRY(find_policies(options.policies));
  std::vector<Row> rows;
  for (const double load : loads) {
    ChurnSettings settings;
    settings.load = load;
    settings.moves = options.moves;
    settings.background = options.background;
    for (const allocator::Policy* policy : policies)
      rows.push_back(run(nodes, requests, std::string(policy->name), *policy, seeds, settings));
    settings.one_large_device = true;
    rows.push_back(run(nodes, requests, "(one device)", allocator::default_policy(), seeds, settings));
  }
  if (options.json) print_json(what, seeds, options.moves, rows);
  else print_table(what, seeds, options.moves, rows);
  return options.svg_folder.empty() ? Status() : plot(options.svg_folder + "/" + name + "-rejected.svg", what, rows);
}

// "1/10:70,1/5:30", "1:5": shares of a device and how often each is asked for.
Result<std::vector<Request>> parse_mix(const std::string& text) {
  const Status bad(Code::invalid_argument, "'" + text +
                                               "' is no mix; write shares and how often each is asked for, as "
                                               "1/10:70,1/5:30");
  std::vector<Request> requests;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](std::uint32_t& value) {
    const auto [next, error] = std::from_chars(at, end, value);
    at = next;
    return error == std::errc() && value > 0 && value <= whole_gpu.value;
  };
  while (at != end) {
    std::uint32_t part = 0, of = 1, times = 0;
    if (!number(part)) return bad;
    if (at != end && *at == '/' && (++at, !number(of))) return bad;
    if (at == end || *at++ != ':' || !number(times) || part > of || part * whole_gpu.value % of != 0) return bad;
    Request request;
    request.gpu.value = part * whole_gpu.value / of;
    request.memory_parts = 0;
    requests.insert(requests.end(), times, request);
    if (at != end && (*at++ != ',' || at == end)) return bad;
  }
  if (requests.empty()) return bad;
  return requests;
}

}  // namespace

Status run_churn(const Options& options, const std::vector<double>& loads) {
  const auto trace = SLUICE_TRY(load_trace(options));
  return run_all("churn", "churn, " + trace.name, trace.nodes, trace.requests, options, loads);
}

Status run_mix(const Options& options, const std::vector<double>& loads, const std::string& mix, std::size_t devices) {
  const auto requests = SLUICE_TRY(parse_mix(mix));
  return run_all("mix", "mix " + mix + " on " + std::to_string(devices) + " devices", plain_nodes(devices), requests,
                 options, loads);
}

}  // namespace sluice::sim
