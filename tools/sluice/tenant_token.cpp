#include "tools/sluice/tenant_token.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/unique_fd.h"
#include "tools/sluice/admin_client.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/exit_codes.h"
#include "tools/sluice/pool_place.h"
#include "tools/sluice/tenant_checks.h"
#include "tools/sluice/tenant_print.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr const char* footer =
    R"(A token is for programs that no rule can tell, such as those of a container. Whoever has it is the
tenant. It is shown once: the pool keeps only its hash. Programs give it by
SLUICE_TOKEN_FILE=/path, or 'sluice run --token-file PATH -- PROGRAM'.

Examples:
  sluice tenant token alice --file alice.token --label "render farm"
  sluice tenant token alice --list
  sluice tenant token alice --revoke 5f0c8a1b2c3d4e5f)";

struct Options {
  PoolPlace place;
  std::string tenant, file, label, revoke;
  bool list = false, as_json = false;
};

json request_for(const Options& options, const char* verb) { return {{"verb", verb}, {"tenant", options.tenant}}; }

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// Made before the token is, so that none is made that cannot be kept.
Result<UniqueFd> make_token_file(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.valid()) return file;
  if (errno == EEXIST) return Status(Code::invalid_argument, path + " is there already, and is not overwritten");
  return errno_status("write " + path, errno);
}

Status keep(const UniqueFd& file, const std::string& token) {
  const std::string line = token + "\n";
  const ssize_t written = write(file.get(), line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size()) || fsync(file.get()) != 0)
    return errno_status("write the token, which is of no use now; revoke it", errno);
  return Status();
}

int make_into_file(const Options& options, const std::vector<std::string>& sockets, const json& request) {
  const auto file = make_token_file(options.file);
  if (!file.ok()) return complain(exit_usage, file.status().message());
  json reply;
  if (const int code = ask_or_complain(sockets, request, reply); code != exit_ok) {
    (void)unlink(options.file.c_str());
    return code;
  }
  if (Status kept = keep(file.value(), reply.at("token").get<std::string>()); !kept.ok())
    return complain(exit_internal, kept.message() + " (" + reply.at("id").get<std::string>() + ")");
  print("token " + reply.at("id").get<std::string>() + " is in " + options.file + "\n");
  return exit_ok;
}

int make_to_print(const Options& options, const std::vector<std::string>& sockets, const json& request) {
  json reply;
  const int code = ask_or_complain(sockets, request, reply);
  if (code == exit_ok) print(options.as_json ? reply.dump(2) + "\n" : reply.at("token").get<std::string>() + "\n");
  return code;
}

int make(const Options& options, const std::vector<std::string>& sockets) {
  json request = request_for(options, "tenant-token-create");
  if (!options.label.empty()) request["label"] = options.label;
  return options.file.empty() ? make_to_print(options, sockets, request) : make_into_file(options, sockets, request);
}

int look(const Options& options, const std::vector<std::string>& sockets) {
  json reply;
  const int code = ask_or_complain(sockets, request_for(options, "tenant-token-list"), reply);
  if (code == exit_ok) print(options.as_json ? reply.dump(2) + "\n" : print_tokens(reply));
  return code;
}

int revoke(const Options& options, const std::vector<std::string>& sockets) {
  json request = request_for(options, "tenant-token-revoke"), reply;
  request["id"] = options.revoke;
  const int code = ask_or_complain(sockets, request, reply);
  if (code == exit_ok) print(options.as_json ? reply.dump(2) + "\n" : "revoked; sessions that it began go on\n");
  return code;
}

int run(const Options& options) {
  if (const std::string wrong = check_place(options.place); !wrong.empty()) return complain(exit_usage, wrong);
  const auto sockets = sockets_to_try(options.place, "admin.sock", nullptr);
  if (options.list) return look(options, sockets);
  return options.revoke.empty() ? make(options, sockets) : revoke(options, sockets);
}

}  // namespace

void add_token(CLI::App& tenant, int& exit_code) {
  CLI::App* command = tenant.add_subcommand("token", "Make, list or revoke tokens, for programs that no rule can tell");
  auto options = std::make_shared<Options>();
  command->add_option("NAME", options->tenant, "The tenant's name")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(check_tenant_name, ""));
  CLI::Option* file =
      command->add_option("--file", options->file, "Write the token here (mode 0600) instead of printing it");
  CLI::Option* label = command->add_option("--label", options->label, "What it is for, for the list");
  CLI::Option* list = command->add_flag("--list", options->list, "List the tenant's tokens");
  CLI::Option* revoked =
      command->add_option("--revoke", options->revoke, "Make a token worth nothing")->type_name("ID");
  file->type_name("PATH")->excludes(list)->excludes(revoked);
  label->type_name("TEXT")->excludes(list)->excludes(revoked);
  list->excludes(revoked);
  command->add_flag("--json", options->as_json, "Print the daemon's answer as JSON")->excludes(file);
  add_place_options(*command, options->place);
  command->footer(footer);
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace sluice::cli
