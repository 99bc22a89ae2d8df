// sluice apply: makes the pool's tenants those of a file.
#include <cstdio>
#include <memory>

#include "tools/sluice/admin_client.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/exit_codes.h"
#include "tools/sluice/pool_place.h"
#include "tools/sluice/tenant_print.h"
#include "tools/sluice/tenants_file.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr const char* footer =
    R"(The file has one [[tenant]] table for each tenant: name, gpu, cap, class, memory, max_sessions, uid, gid,
cgroup, suspended; all but the name may be left out. Tenants that are not in the file are deleted, which
is refused while one of them is in use. All of it happens, or nothing. A tenant keeps its tokens, and
stays suspended or not unless the file says which.

  [[tenant]]
  name = "alice"
  gpu = "250m"
  cap = "500m"
  memory = "2GiB"
  uid = ["alice", 1003]

Examples:
  sluice apply -f tenants.toml --dry-run     shows what would change
  sluice apply -f tenants.toml)";

struct Options {
  PoolPlace place;
  std::string file;
  bool dry_run = false, as_json = false;
};

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);  // the difference stands before whatever is said about it
}

// What is wrong inside of the file begins with its place, as editors know it.
int complain_about_file(const Status& status) {
  if (status.code() != Code::invalid_argument) return complain(exit_usage, status.message());
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return exit_usage;
}

// Shows what would change; exit_ok: it can.
int look(const Options& options, const std::vector<std::string>& sockets, json& request, json& reply) {
  request["dry_run"] = true;
  const int code = ask_or_complain(sockets, request, reply);
  if (code != exit_ok) return code;
  const std::string lines = print_changes(reply.at("changes"));
  if (!options.as_json) print(lines.empty() ? "nothing to change\n" : lines);
  else if (options.dry_run) print(reply.dump(2) + "\n");
  return reply.contains("obstacle") ? complain(exit_refused, reply.at("obstacle").get<std::string>()) : exit_ok;
}

int apply(const Options& options) {
  if (const std::string wrong = check_place(options.place); !wrong.empty()) return complain(exit_usage, wrong);
  auto tenants = load_tenants(options.file);
  if (!tenants.ok()) return complain_about_file(tenants.status());
  const auto sockets = sockets_to_try(options.place, "admin.sock", nullptr);
  json request{{"verb", "apply"}, {"tenants", tenants.take()}}, reply;
  if (const int code = look(options, sockets, request, reply); code != exit_ok || options.dry_run) return code;
  request["dry_run"] = false;
  const int code = ask_or_complain(sockets, request, reply);
  if (code == exit_ok && options.as_json) print(reply.dump(2) + "\n");
  return code;
}

}  // namespace

void add_apply(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("apply", "Make the pool's tenants those of a file");
  auto options = std::make_shared<Options>();
  command->add_option("-f,--file", options->file, "The file of tenants")->type_name("FILE")->required();
  command->add_flag("--dry-run", options->dry_run, "Only show what would change");
  command->add_flag("--json", options->as_json, "Print the daemon's answer as JSON");
  add_place_options(*command, options->place);
  command->footer(footer);
  command->callback([options, &exit_code] { exit_code = apply(*options); });
}

}  // namespace sluice::cli
