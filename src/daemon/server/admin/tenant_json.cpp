#include "daemon/server/admin/tenant_json.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "wire/handshake.h"

namespace sluice::server {
namespace {

using nlohmann::json;
using store::Rule;
using store::RuleKind;
using store::TenantRecord;

// Reads a value into the tenant; false: it is not what it must be.
struct Key {
  const char* wanted;  // what it must be, for people
  std::function<bool(const json&, TenantRecord&)> read;
};

std::optional<std::uint64_t> number_in(const json& value, std::uint64_t max) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max) return std::nullopt;
  return value.get<std::uint64_t>();
}

bool read_share(const json& value, MilliGpu& share) {
  const auto milli = number_in(value, whole_gpu.value);
  if (milli) share = MilliGpu{static_cast<std::uint32_t>(*milli)};
  return milli.has_value();
}

bool read_class(const json& value, TenantRecord& tenant) {
  const auto named = value.is_string() ? arbiter::parse_class(value.get<std::string>()) : std::nullopt;
  if (named) tenant.terms.priority_class = *named;
  return named.has_value();
}

bool read_memory(const json& value, TenantRecord& tenant) {
  const auto bytes = number_in(value, std::numeric_limits<std::int64_t>::max());
  if (bytes) tenant.memory_bytes = *bytes;
  return bytes && *bytes > 0;
}

bool read_sessions(const json& value, TenantRecord& tenant) {
  const auto sessions = number_in(value, store::sessions_per_tenant_max);
  if (sessions) tenant.sessions_max = static_cast<std::uint32_t>(*sessions);
  return sessions && *sessions > 0;
}

std::optional<Rule> read_rule(const json& value) {
  if (!value.is_object() || value.size() != 1) return std::nullopt;
  const std::string& key = value.begin().key();
  const json& subject = value.begin().value();
  if (key == "cgroup" && subject.is_string()) return Rule{RuleKind::cgroup, 0, subject.get<std::string>()};
  const auto id = number_in(subject, TenantKey::no_uid - 1);
  if (!id || (key != "uid" && key != "gid")) return std::nullopt;
  return Rule{key == "uid" ? RuleKind::uid : RuleKind::gid, static_cast<std::uint32_t>(*id), ""};
}

bool read_rules(const json& value, TenantRecord& tenant) {
  if (!value.is_array()) return false;
  tenant.rules.clear();
  for (const json& item : value) {
    auto rule = read_rule(item);
    if (!rule) return false;
    tenant.rules.push_back(std::move(*rule));
  }
  return true;
}

bool read_suspended(const json& value, TenantRecord& tenant) {
  if (value.is_boolean()) tenant.terms.suspended = value.get<bool>();
  return value.is_boolean();
}

bool read_name(const json& value, TenantRecord& tenant) {
  if (value.is_string()) tenant.name = value.get<std::string>();
  return wire::valid_tenant_name(tenant.name);
}

const std::map<std::string, Key, std::less<>>& keys() {
  static const std::map<std::string, Key, std::less<>> all{
      {"name", {"a tenant's name: 1 to 63 of letters, digits and . _ @ -", read_name}},
      {"gpu_milli",
       {"a whole number from 0 to 1000",
        [](const json& v, TenantRecord& t) { return read_share(v, t.terms.guarantee); }}},
      {"cap_milli",
       {"a whole number from 1 to 1000", [](const json& v, TenantRecord& t) { return read_share(v, t.terms.cap); }}},
      {"class", {"\"latency\", \"standard\" or \"best-effort\"", read_class}},
      {"memory_bytes", {"a number of bytes above zero", read_memory}},
      {"sessions_max", {"a whole number from 1 to 256", read_sessions}},
      {"rules", {"a list such as [{\"uid\":1000},{\"gid\":100},{\"cgroup\":\"/a.slice\"}]", read_rules}},
      {"suspended", {"true or false", read_suspended}}};
  return all;
}

json rule_json(const Rule& rule) {
  switch (rule.kind) {
    case RuleKind::cgroup: return {{"cgroup", rule.path}};
    case RuleKind::uid: return {{"uid", rule.id}};
    case RuleKind::gid: return {{"gid", rule.id}};
  }
  return {};
}

}  // namespace

Result<TenantRecord> read_tenant(const json& given, TenantRecord tenant,
                                 std::initializer_list<std::string_view> others) {
  if (!given.is_object()) return Status(Code::invalid_argument, "a tenant is an object with a name");
  for (const auto& [name, value] : given.items()) {
    if (std::find(others.begin(), others.end(), name) != others.end()) continue;
    const auto key = keys().find(name);
    if (key == keys().end()) return Status(Code::invalid_argument, "unknown key '" + name + "' of a tenant");
    if (!key->second.read(value, tenant))
      return Status(Code::invalid_argument, "'" + name + "' must be " + key->second.wanted);
  }
  if (!wire::valid_tenant_name(tenant.name)) return Status(Code::invalid_argument, "a tenant needs a 'name'");
  store::tidy(tenant);
  Status valid = store::validate(tenant);
  return valid.ok() ? Result<TenantRecord>(std::move(tenant)) : valid;
}

json tenant_json(const TenantRecord& tenant, const Tenant* live, std::uint64_t held_bytes) {
  json rules = json::array();
  for (const Rule& rule : tenant.rules) rules.push_back(rule_json(rule));
  json view{{"id", tenant.id},
            {"name", tenant.name},
            {"gpu_milli", tenant.terms.guarantee.value},
            {"cap_milli", tenant.terms.cap.value},
            {"class", class_name(tenant.terms.priority_class)},
            {"suspended", tenant.terms.suspended},
            {"memory_bytes", tenant.memory_bytes},
            {"sessions_max", tenant.sessions_max},
            {"rules", std::move(rules)},
            {"created_unix_ns", tenant.created_unix_ns},
            {"sessions", live == nullptr ? 0 : live->sessions()},
            {"memory_held_bytes", held_bytes}};
  if (live != nullptr) view["device"] = live->slice.device();
  return view;
}

json token_json(const store::TokenRecord& token) {
  return {
      {"id", token.id}, {"tenant", token.tenant}, {"label", token.label}, {"created_unix_ns", token.created_unix_ns}};
}

}  // namespace sluice::server
