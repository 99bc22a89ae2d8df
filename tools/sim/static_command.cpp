#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/sim/commands.h"
#include "tools/sim/filling.h"
#include "tools/sim/plot.h"
#include "tools/sim/statistics.h"

namespace sluice::sim {
namespace {

constexpr unsigned marks[] = {100, 110, 130};

struct Means {
  std::string policy;
  std::array<double, arrived_percent_max + 1> allocated{}, fragmented{}, rejected{};
  double refused_percent = 0;
  double moves = 0, gpus_won = 0;  // a run
  std::vector<std::uint32_t> decision_ns, plan_ns;
  std::vector<std::string> reasons;  // of the first run
};

Means run(const Trace& trace, const allocator::Policy& policy, Seeds seeds, const FillingSettings& settings) {
  Means means;
  means.policy = policy.name;
  const auto runs = static_cast<double>(seeds.last - seeds.first + 1);
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    const FillingResult result = fill(trace, policy, seed, settings);
    for (std::size_t mark = 0; mark <= arrived_percent_max; ++mark) {
      means.allocated[mark] += result.allocated[mark] / runs;
      means.fragmented[mark] += result.fragmented[mark] / runs;
      means.rejected[mark] += result.rejected[mark] / runs;
    }
    means.refused_percent += 100.0 * static_cast<double>(result.refused) / static_cast<double>(result.requests) / runs;
    means.moves += static_cast<double>(result.rescues.moves) / runs;
    means.gpus_won += static_cast<double>(result.rescues.milli) / 1000 / runs;
    append(means.plan_ns, result.rescues.plan_ns);
    append(means.decision_ns, result.decision_ns);
    if (seed == seeds.first) means.reasons = result.reasons;
  }
  std::sort(means.decision_ns.begin(), means.decision_ns.end());
  std::sort(means.plan_ns.begin(), means.plan_ns.end());
  return means;
}

void print_json(const Trace& trace, Seeds seeds, const std::vector<Means>& all) {
  nlohmann::json report{
      {"trace", trace.name}, {"seeds", seeds.last - seeds.first + 1}, {"policies", nlohmann::json::array()}};
  for (const Means& means : all)
    report["policies"].push_back({{"policy", means.policy},
                                  {"allocated_percent", means.allocated},
                                  {"fragmented_percent", means.fragmented},
                                  {"rejected_percent", means.rejected},
                                  {"refused_percent", means.refused_percent},
                                  {"moves", means.moves},
                                  {"gpus_won_by_moves", means.gpus_won},
                                  {"reasons", means.reasons},
                                  {"plan_p99_us", quantile_us(means.plan_ns, 0.99)},
                                  {"decision_p50_us", quantile_us(means.decision_ns, 0.5)},
                                  {"decision_p99_us", quantile_us(means.decision_ns, 0.99)},
                                  {"decision_max_us", quantile_us(means.decision_ns, 1)}});
  std::printf("%s\n", report.dump(2).c_str());
}

void print_table(const Trace& trace, Seeds seeds, const std::vector<Means>& all) {
  std::printf("static filling, %s, means over %llu seeds; percent of all milli-GPU\n", trace.name.c_str(),
              static_cast<unsigned long long>(seeds.last - seeds.first + 1));
  std::printf("%-12s  %-26s  %-10s  %-8s  %s\n", "", "unallocated when", "of no use", "requests",
              "decision, processor time");
  std::printf("%-12s  %8s %8s %8s  %10s  %8s  %9s %9s %9s\n", "policy", "100 %", "110 %", "130 % arrd.", "at 100 %",
              "refused", "p50 us", "p99 us", "max us");
  for (const Means& means : all) {
    std::printf("%-12s ", means.policy.c_str());
    for (const unsigned mark : marks) std::printf(" %8.2f", 100 - means.allocated[mark]);
    std::printf("  %11.2f  %8.2f  %9.1f %9.1f %9.1f\n", means.fragmented[100], means.refused_percent,
                quantile_us(means.decision_ns, 0.5), quantile_us(means.decision_ns, 0.99),
                quantile_us(means.decision_ns, 1));
  }
  for (const Means& means : all)
    if (means.moves > 0)
      std::printf(
          "%s moved %.0f slices a run and won %.1f GPUs by it, %.2f moves for each; a plan took p50 %.1f, p99 %.1f "
          "ms\n",
          means.policy.c_str(), means.moves, means.gpus_won, means.moves / means.gpus_won,
          quantile_us(means.plan_ns, 0.5) / 1000, quantile_us(means.plan_ns, 0.99) / 1000);
  for (const Means& means : all)
    for (const std::string& reason : means.reasons) std::printf("%s: %s\n", means.policy.c_str(), reason.c_str());
}

Status plot(const std::string& folder, const Trace& trace, const std::vector<Means>& all) {
  const std::string arrived = "arrived, % of all milli-GPU";
  Plot allocated{"Allocated, " + trace.name, arrived, "% of all milli-GPU", {}};
  Plot fragmented{"Free, but of no use to typical requests, " + trace.name, arrived, "% of all milli-GPU", {}};
  Plot rejected{"Rejected, " + trace.name, arrived, "% of the requests so far", {}};
  for (const Means& means : all) {
    Line a{means.policy, {}}, f{means.policy, {}}, r{means.policy, {}};
    for (unsigned mark = 0; mark <= arrived_percent_max; ++mark) {
      f.points.emplace_back(mark, means.fragmented[mark]);
      if (mark < 80) continue;
      a.points.emplace_back(mark, means.allocated[mark]);
      r.points.emplace_back(mark, means.rejected[mark]);
    }
    allocated.lines.push_back(a);
    fragmented.lines.push_back(f);
    rejected.lines.push_back(r);
  }
  SLUICE_TRY(write_svg(folder + "/static-allocated.svg", allocated));
  SLUICE_TRY(write_svg(folder + "/static-fragmented.svg", fragmented));
  return write_svg(folder + "/static-rejected.svg", rejected);
}

}  // namespace

Status run_static(const Options& options, bool known) {
  const auto trace = SLUICE_TRY(load_trace(options));
  const auto seeds = SLUICE_TRY(parse_seeds(options.seeds));
  const auto policies = SLUICE_TRY(find_policies(options.policies));
  std::vector<Means> all;
  for (const allocator::Policy* policy : policies)
    all.push_back(run(trace, *policy, seeds, {!known, options.moves, options.reasons}));
  if (options.json) print_json(trace, seeds, all);
  else print_table(trace, seeds, all);
  return options.svg_folder.empty() ? Status() : plot(options.svg_folder, trace, all);
}

}  // namespace sluice::sim
