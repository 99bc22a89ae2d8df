#include "tools/sluice/tenant_options.h"

#include <grp.h>
#include <pwd.h>

#include <charconv>

#include "base/units.h"
#include "wire/handshake.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr std::uint32_t nobody = ~0u;  // as the kernel has it: no id

std::optional<std::uint32_t> number(const std::string& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value != nobody ? std::optional(value)
                                                                                     : std::nullopt;
}

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

std::string check_sessions(const std::string& text) {
  const auto sessions = number(text);
  return sessions && *sessions >= 1 && *sessions <= 256 ? "" : "a whole number from 1 to 256";
}
json sessions_of(const std::string& text) { return *number(text); }

std::string check_cgroup(const std::string& text) {
  return text.starts_with('/') ? ""
                               : "a cgroup is a path from the root, as in /proc/PID/cgroup: /machine.slice/x.scope";
}

}  // namespace

Result<std::uint32_t> user_id(const std::string& text) {
  if (const auto id = number(text)) return *id;
  const passwd* user = getpwnam(text.c_str());
  return user != nullptr ? Result<std::uint32_t>(user->pw_uid) : Status(Code::not_found, "there is no user " + text);
}

Result<std::uint32_t> group_id(const std::string& text) {
  if (const auto id = number(text)) return *id;
  const group* found = getgrnam(text.c_str());
  return found != nullptr ? Result<std::uint32_t>(found->gr_gid) : Status(Code::not_found, "there is no group " + text);
}

std::string check_tenant_name(const std::string& text) {
  return wire::valid_tenant_name(text) ? "" : "a tenant's name is 1 to 63 of letters, digits and . _ @ -";
}

std::string check_share(const std::string& text) {
  const auto share = parse_milli_gpu(text);
  if (!share.ok()) return share.status().message();
  return share.value() > whole_gpu ? "more than one device" : "";
}

std::string check_some_share(const std::string& text) {
  const std::string wrong = check_share(text);
  return wrong.empty() && parse_milli_gpu(text).value().value == 0 ? "a share of nothing; leave it out for none"
                                                                   : wrong;
}

std::string check_size(const std::string& text) {
  const auto bytes = parse_bytes(text);
  if (!bytes.ok()) return bytes.status().message();
  return bytes.value() == 0 ? "no memory at all is of no use" : "";
}

std::string check_class(const std::string& text) {
  return text == "latency" || text == "standard" || text == "best-effort" ? "" : "latency, standard or best-effort";
}

std::string check_user(const std::string& text) { return user_id(text).status().message(); }
std::string check_group(const std::string& text) { return group_id(text).status().message(); }

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
