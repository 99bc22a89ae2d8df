#include "tools/sluice/tenant_checks.h"

#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <optional>

#include "base/units.h"
#include "wire/handshake.h"

namespace sluice::cli {
namespace {

constexpr std::uint32_t nobody = ~0u;  // as the kernel has it: no id

std::optional<std::uint32_t> number(const std::string& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value != nobody ? std::optional(value)
                                                                                     : std::nullopt;
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

std::string check_sessions(const std::string& text) {
  const auto sessions = number(text);
  return sessions && *sessions >= 1 && *sessions <= 256 ? "" : "a whole number from 1 to 256";
}

std::string check_cgroup(const std::string& text) {
  return text.starts_with('/') ? ""
                               : "a cgroup is a path from the root, as in /proc/PID/cgroup: /machine.slice/x.scope";
}

}  // namespace sluice::cli
