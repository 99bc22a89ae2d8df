// sluice tenant: who may use the pool, and how much of it.
#include "tools/sluice/commands.h"
#include "tools/sluice/query.h"
#include "tools/sluice/tenant_options.h"
#include "tools/sluice/tenant_print.h"
#include "tools/sluice/tenant_token.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr const char* footer = R"(Examples:
  sluice tenant create alice --gpu 250m --cap 500m --memory 2GiB --uid alice
  sluice tenant list
  sluice tenant set alice --memory 3GiB        at once, for running programs too
  sluice tenant suspend alice
  sluice tenant token alice --file token       for programs that no rule can tell
  sluice tenant create --help                  more about a command)";

constexpr const char* create_footer =
    R"(A tenant without --uid, --gid or --cgroup can be used with a token alone ('sluice tenant token').
What is left out: no guarantee, a cap of the whole device, class standard, and memory and sessions as
[defaults] and [limits] of sluiced.toml(5) say.

Examples:
  sluice tenant create alice --gpu 250m --cap 500m --memory 2GiB --class latency --uid alice
  sluice tenant create lab --memory 8GiB --max-sessions 32 --gid students
  sluice tenant create ci --memory 1GiB --class best-effort --cgroup /ci.slice)";

constexpr const char* set_footer =
    R"(What is not given stays as it is. With --uid, --gid or --cgroup the rules that are given replace all
that there were. It holds for running programs at once; memory below what they hold takes nothing away,
and lets them have no more. Memory and guarantee can only be raised as far as the device has room.

Examples:
  sluice tenant set alice --memory 3GiB --cap 750m
  sluice tenant set alice --uid alice --uid 1003
  sluice tenant set alice --no-rules           only tokens open it from now on)";

constexpr const char* delete_footer =
    R"(A tenant that is in use is not deleted without --force, which ends its sessions: their programs get
OpenCL's own error. Its tokens go with it.

Examples:
  sluice tenant delete alice
  sluice tenant delete alice --force)";

// One that needs nothing but the tenant's name.
CLI::App* add_named(CLI::App& tenant, const Query& query, json& request, int& exit_code) {
  CLI::App* command = add_query(tenant, query, request, exit_code);
  add_tenant_name(*command, request, "name");
  return command;
}

void add_create(CLI::App& tenant, int& exit_code) {
  static json request;
  const Query query{"create", "Create a tenant", create_footer, print_created, "tenant-create"};
  add_tenant_options(*add_named(tenant, query, request, exit_code), request);
}

void add_set(CLI::App& tenant, int& exit_code) {
  static json request;
  const Query query{"set", "Change a tenant, at once", set_footer, print_set, "tenant-set"};
  CLI::App* command = add_named(tenant, query, request, exit_code);
  add_tenant_options(*command, request);
  CLI::Option* none = command->add_flag_callback(
      "--no-rules", [] { request["rules"] = json::array(); }, "No user, group or cgroup may use it any more");
  for (const char* rule : {"--uid", "--gid", "--cgroup"}) none->excludes(command->get_option(rule));
}

void add_delete(CLI::App& tenant, int& exit_code) {
  static json request;
  const Query query{"delete", "Delete a tenant", delete_footer, print_deleted, "tenant-delete"};
  add_named(tenant, query, request, exit_code)
      ->add_flag_callback(
          "--force", [] { request["force"] = true; }, "End its sessions");
}

void add_looks(CLI::App& tenant, int& exit_code) {
  static json list, show;
  add_query(tenant, {"list", "List the tenants", footer, print_tenants, "tenant-list"}, list, exit_code);
  add_named(tenant, {"show", "Show one tenant", footer, print_tenant, "tenant-show"}, show, exit_code);
}

void add_suspension(CLI::App& tenant, int& exit_code) {
  static json suspend, resume;
  add_named(tenant, {"suspend", "Let it have no new sessions and no device time", footer, print_set, "tenant-suspend"},
            suspend, exit_code);
  add_named(tenant, {"resume", "Undo a suspension", footer, print_set, "tenant-resume"}, resume, exit_code);
}

}  // namespace

void add_tenant(CLI::App& app, int& exit_code) {
  CLI::App* tenant = app.add_subcommand("tenant", "Say who may use the pool, and how much of it");
  tenant->require_subcommand(1);
  tenant->footer(footer);
  add_create(*tenant, exit_code);
  add_looks(*tenant, exit_code);
  add_set(*tenant, exit_code);
  add_suspension(*tenant, exit_code);
  add_delete(*tenant, exit_code);
  add_token(*tenant, exit_code);
}

}  // namespace sluice::cli
