#include "tools/sluice/tenant_options.h"

#include "base/units.h"
#include "tools/sluice/tenant_checks.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

// One option that may be given once and is put into the request as `read` makes it.
void add(CLI::App& command, json& request, const char* option, const char* key, const char* type, const char* what,
         std::string (*check)(const std::string&), json (*read)(const std::string&)) {
  command
      .add_option_function<std::string>(
          option, [&request, key, read](const std::string& text) { request[key] = read(text); }, what)
      ->type_name(type)
      ->check(CLI::Validator(check, ""));
}

// One rule for each time that the option is given.
void add_rule(CLI::App& command, json& request, const char* option, const char* key, const char* type, const char* what,
              std::string (*check)(const std::string&), json (*read)(const std::string&)) {
  const auto take = [&request, key, read](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) request["rules"].push_back({{key, read(text)}});
  };
  command.add_option_function<std::vector<std::string>>(option, take, what)
      ->type_name(type)
      ->allow_extra_args(false)
      ->check(CLI::Validator(check, ""));
}

json milli_of(const std::string& text) { return parse_milli_gpu(text).value().value; }
json bytes_of(const std::string& text) { return parse_bytes(text).value(); }
json text_of(const std::string& text) { return text; }
json user_of(const std::string& text) { return user_id(text).value(); }
json group_of(const std::string& text) { return group_id(text).value(); }
json sessions_of(const std::string& text) { return std::stoul(text); }

}  // namespace

void add_tenant_name(CLI::App& command, json& request, const std::string& key) {
  command
      .add_option_function<std::string>(
          "NAME", [&request, key](const std::string& name) { request[key] = name; }, "The tenant's name")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(check_tenant_name, ""));
}

void add_tenant_options(CLI::App& command, json& request) {
  add(command, request, "--gpu", "gpu_milli", "SHARE", "Device time that is guaranteed: 250m, or 0.25, is a quarter",
      check_share, milli_of);
  add(command, request, "--cap", "cap_milli", "SHARE", "Device time that is never exceeded, even of an idle device",
      check_some_share, milli_of);
  add(command, request, "--class", "class", "CLASS", "Who goes first: latency, standard or best-effort", check_class,
      text_of);
  add(command, request, "--memory", "memory_bytes", "SIZE", "Device memory, a hard limit: 2GiB, 512MiB, or bytes",
      check_size, bytes_of);
  add(command, request, "--max-sessions", "sessions_max", "COUNT", "Programs at a time", check_sessions, sessions_of);
  add_rule(command, request, "--uid", "uid", "USER", "Who may use it: a user, by number or name; may be repeated",
           check_user, user_of);
  add_rule(command, request, "--gid", "gid", "GROUP", "A group's members may use it; may be repeated", check_group,
           group_of);
  add_rule(command, request, "--cgroup", "cgroup", "PATH", "What runs in a cgroup or below it may; may be repeated",
           check_cgroup, text_of);
}

}  // namespace sluice::cli
