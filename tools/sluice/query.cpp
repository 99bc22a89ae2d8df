#include "tools/sluice/query.h"

#include <cstdio>
#include <memory>

#include "tools/sluice/admin_client.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/exit_codes.h"
#include "tools/sluice/pool_place.h"

namespace sluice::cli {
namespace {

struct Options {
  PoolPlace place;
  bool as_json = false;
};

int run_query(const Query& query, const Options& options, const nlohmann::json& request) {
  if (const std::string wrong = check_place(options.place); !wrong.empty()) return complain(exit_usage, wrong);
  nlohmann::json reply;
  const int code = ask_or_complain(sockets_to_try(options.place, "admin.sock", nullptr), request, reply);
  if (code != exit_ok) return code;
  const std::string text = options.as_json ? reply.dump(2) + "\n" : query.print(reply);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return exit_ok;
}

}  // namespace

CLI::App* add_query(CLI::App& app, const Query& query, nlohmann::json& request, int& exit_code) {
  CLI::App* command = app.add_subcommand(query.name, query.description);
  auto options = std::make_shared<Options>();
  command->add_flag("--json", options->as_json, "Print the daemon's answer as JSON: sizes in bytes, times in ns");
  add_place_options(*command, options->place);
  command->footer(query.footer);
  request["verb"] = query.verb;
  command->callback([query, options, &request, &exit_code] { exit_code = run_query(query, *options, request); });
  return command;
}

}  // namespace sluice::cli
