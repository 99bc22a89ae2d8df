#include "tools/sluice/tenants_file.h"

#include <algorithm>

#include "base/toml_file.h"
#include "base/units.h"
#include "tools/sluice/tenant_checks.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

// Puts a value into the tenant, or says what would have been right; empty: it was.
using Complaint = std::string;

struct Key {
  std::string_view name;
  Complaint (*read)(const toml::node& node, json& tenant);
};

std::optional<std::string> string_in(const toml::node& node, std::string (*check)(const std::string&)) {
  const auto text = node.value_exact<std::string>();
  return text && check(*text).empty() ? text : std::nullopt;
}

Complaint read_name(const toml::node& node, json& tenant) {
  const auto name = string_in(node, check_tenant_name);
  if (!name) return "a tenant's name: 1 to 63 of letters, digits and . _ @ -";
  tenant["name"] = *name;
  return {};
}

Complaint read_gpu(const toml::node& node, json& tenant) {
  const auto share = string_in(node, check_share);
  if (!share) return "a share of one device, such as \"250m\"";
  tenant["gpu_milli"] = parse_milli_gpu(*share).value().value;
  return {};
}

Complaint read_cap(const toml::node& node, json& tenant) {
  const auto share = string_in(node, check_some_share);
  if (!share) return "a share of one device above nothing, such as \"500m\"";
  tenant["cap_milli"] = parse_milli_gpu(*share).value().value;
  return {};
}

Complaint read_class(const toml::node& node, json& tenant) {
  const auto name = string_in(node, check_class);
  if (!name) return "\"latency\", \"standard\" or \"best-effort\"";
  tenant["class"] = *name;
  return {};
}

Complaint read_memory(const toml::node& node, json& tenant) {
  const auto size = string_in(node, check_size);
  if (!size) return "a size above zero, such as \"2GiB\" or \"512MiB\"";
  tenant["memory_bytes"] = parse_bytes(*size).value();
  return {};
}

Complaint read_sessions(const toml::node& node, json& tenant) {
  const auto count = node.value_exact<std::int64_t>();
  if (!count || *count < 1 || *count > 256) return "a whole number from 1 to 256";
  tenant["sessions_max"] = static_cast<std::uint64_t>(*count);
  return {};
}

Complaint read_suspended(const toml::node& node, json& tenant) {
  const auto value = node.value_exact<bool>();
  if (!value) return "true or false";
  tenant["suspended"] = *value;
  return {};
}

// A list of numbers and names, each a rule of its own.
Complaint read_ids(const toml::node& node, json& tenant, const char* key,
                   Result<std::uint32_t> (*id_of)(const std::string&), const Complaint& wanted) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wanted;
  for (const toml::node& item : *list) {
    const auto number = item.value_exact<std::int64_t>();
    const auto id = id_of(number ? std::to_string(*number) : item.value_exact<std::string>().value_or(""));
    if (!id.ok()) return wanted;
    tenant["rules"].push_back({{key, id.value()}});
  }
  return {};
}

Complaint read_uids(const toml::node& node, json& tenant) {
  return read_ids(node, tenant, "uid", user_id, "a list of users that there are, such as [1000, \"alice\"]");
}

Complaint read_gids(const toml::node& node, json& tenant) {
  return read_ids(node, tenant, "gid", group_id, "a list of groups that there are, such as [100, \"students\"]");
}

Complaint read_cgroups(const toml::node& node, json& tenant) {
  static constexpr const char* wanted = "a list of paths such as [\"/machine.slice/alice.scope\"]";
  const toml::array* list = node.as_array();
  if (list == nullptr) return wanted;
  for (const toml::node& item : *list) {
    const auto path = item.value_exact<std::string>();
    if (!path || !path->starts_with('/')) return wanted;
    tenant["rules"].push_back({{"cgroup", *path}});
  }
  return {};
}

constexpr Key keys[] = {{"name", read_name},           {"gpu", read_gpu},       {"cap", read_cap},
                        {"class", read_class},         {"memory", read_memory}, {"max_sessions", read_sessions},
                        {"suspended", read_suspended}, {"uid", read_uids},      {"gid", read_gids},
                        {"cgroup", read_cgroups}};

class Reader {
 public:
  explicit Reader(const std::string& name) : complaints_(name) {}

  Result<json> read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key.str() == "tenant") read_tenants(key, node);
      else complain(key.source(), "unknown '" + std::string(key.str()) + "'; there is [[tenant]]");
    }
    SLUICE_TRY(complaints_.status());
    return std::move(tenants_);
  }

 private:
  void complain(const toml::source_region& where, const std::string& what) { complaints_.add(where, what); }

  void read_tenants(const toml::key& key, const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr || !array->is_array_of_tables())
      return complain(key.source(), "write [[tenant]], with double brackets, for each tenant");
    for (const toml::node& item : *array) read_tenant(*item.as_table());
  }

  void read_tenant(const toml::table& table) {
    json tenant{{"rules", json::array()}};
    for (const auto& [key, node] : table) read_key(key, node, tenant);
    if (!table.contains("name")) complain(table.source(), "[[tenant]] needs a 'name'");
    tenants_.push_back(std::move(tenant));
  }

  void read_key(const toml::key& key, const toml::node& node, json& tenant) {
    const auto known =
        std::find_if(std::begin(keys), std::end(keys), [&key](const Key& k) { return k.name == key.str(); });
    if (known == std::end(keys))
      return complain(key.source(),
                      "unknown key '" + std::string(key.str()) + "' in [[tenant]]; its keys are " + names());
    const Complaint wanted = known->read(node, tenant);
    if (!wanted.empty()) complain(node.source(), "'" + std::string(key.str()) + "' must be " + wanted);
  }

  static std::string names() {
    std::string all;
    for (const Key& key : keys) all += (all.empty() ? "" : ", ") + std::string(key.name);
    return all;
  }

  json tenants_ = json::array();
  TomlComplaints complaints_;
};

}  // namespace

Result<json> parse_tenants(std::string_view text, const std::string& name) {
  const toml::table root = SLUICE_TRY(parse_toml(text, name));
  return Reader(name).read(root);
}

Result<json> load_tenants(const std::string& path) {
  const std::string text = SLUICE_TRY(read_toml_text(path));
  return parse_tenants(text, path);
}

}  // namespace sluice::cli
