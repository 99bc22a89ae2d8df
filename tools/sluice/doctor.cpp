// sluice doctor: which fences this machine can put around workers, for this user. Asks no daemon.
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/install_paths.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/doctor_probes.h"
#include "tools/sluice/exit_codes.h"
#include "tools/sluice/table.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr const char* footer =
    R"(Run it as the user that runs sluiced. Each line is tried, not guessed: it takes a second, and leaves nothing behind.
Exit code 1: a fence is missing, so that a pool starts only with the line for sluiced.toml(5) that is printed.

Examples:
  sluice doctor                                              what a pool of yours would lack
  sudo sluice doctor                                         what the pool for all users would lack
  sluice doctor --json | jq '.fences[] | select(.available | not)'
  sluice doctor --cgroup /machine.slice/pool                 whether workers could live below that control group)";

struct Examination {
  std::string kernel;
  std::vector<Finding> fences, features;
};

std::string kernel_release() {
  utsname name{};
  return uname(&name) == 0 ? std::string(name.release) + " (" + name.machine + ")" : "unknown";
}

std::vector<std::string> names_of(const FenceSet& set) {
  std::vector<std::string> names;
  for (const Fence fence : all_fences())
    if (set.has(fence)) names.emplace_back(fence_name(fence));
  return names;
}

json to_json(const Finding& finding) {
  json object{{"name", finding.name}, {"available", finding.available}, {"detail", finding.detail}};
  if (finding.fence) object["without"] = without_fence(*finding.fence);
  return object;
}

json to_json(const Examination& examination) {
  json object{
      {"kernel", examination.kernel}, {"uid", geteuid()}, {"fences", json::array()}, {"features", json::array()}};
  for (const Finding& finding : examination.fences) object["fences"].push_back(to_json(finding));
  for (const Finding& finding : examination.features) object["features"].push_back(to_json(finding));
  object["jail_without"] = names_of(missing_fences(examination.fences));
  return object;
}

std::string table_of(const char* title, const std::vector<Finding>& findings) {
  Table table({{title}, {"HERE"}, {"HOW, OR WHY NOT"}});
  for (const Finding& finding : findings) table.add({finding.name, finding.available ? "yes" : "no", finding.detail});
  return table.text();
}

// What the missing ones would give up, and the line that accepts that.
std::string advice_on(const std::vector<Finding>& fences) {
  const FenceSet missing = missing_fences(fences);
  if (missing == FenceSet()) return "A pool of this user's starts with all fences.\n";
  std::string text = "A pool of this user's starts only without what is missing:\n";
  for (const Fence fence : all_fences())
    if (missing.has(fence))
      text += "  " + std::string(fence_name(fence)) + ": " + std::string(without_fence(fence)) + "\n";
  return text + "Mend it, or accept that in sluiced.toml:\n  [jail]\n  without = " + json(names_of(missing)).dump() +
         "\n";
}

std::string print(const Examination& examination) {
  return "Linux " + examination.kernel + ", user " + std::to_string(geteuid()) + "\n\n" +
         table_of("FENCE", examination.fences) + "\n" + table_of("FEATURE", examination.features) + "\n" +
         advice_on(examination.fences);
}

int examine_machine(const DoctorOptions& options, bool as_json) {
  const Examination examination{kernel_release(), find_fences(options), find_features(options)};
  std::fputs((as_json ? to_json(examination).dump(2) + "\n" : print(examination)).c_str(), stdout);
  return missing_fences(examination.fences) == FenceSet() ? exit_ok : exit_refused;
}

}  // namespace

void add_doctor(CLI::App& app, int& exit_code) {
  static DoctorOptions options;
  static bool as_json = false;
  options.cache = default_pool_folders(geteuid() != 0).cache;
  CLI::App* command = app.add_subcommand("doctor", "Say what this machine lacks to jail workers");
  command->footer(footer);
  command->add_flag("--json", as_json, "Print JSON");
  command->add_option("--cgroup", options.cgroup, "Try this control group, as for jail.cgroup")->type_name("GROUP");
  command->callback([&exit_code] { exit_code = examine_machine(options, as_json); });
}

}  // namespace sluice::cli
