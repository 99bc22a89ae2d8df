#include "daemon/server/runtime/config.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <limits>
#include <sstream>

#include "allocator/node.h"
#include "allocator/policy.h"
#include "base/toml_file.h"
#include "daemon/backends/driver_environment.h"
#include "wire/handshake.h"

namespace sluice::server {
namespace {

// What a setter says about a value: nothing, or what would have been right ("a size such as \"2GiB\"").
using Complaint = std::string;

template <typename Target>
struct Key {
  std::string_view name;
  std::function<Complaint(const toml::node&, Target&)> set;
};
template <typename Target>
using Keys = std::vector<Key<Target>>;

// ---- one setter per type of value ----

template <typename Target>
auto text(std::string Target::*field) {
  return [field](const toml::node& node, Target& target) -> Complaint {
    const auto value = node.value_exact<std::string>();
    if (!value) return "a string";
    target.*field = *value;
    return {};
  };
}

template <typename Target>
auto folder(std::string Target::*field) {
  return [field](const toml::node& node, Target& target) -> Complaint {
    const auto value = node.value_exact<std::string>();
    if (!value || !value->starts_with('/')) return "an absolute path";
    target.*field = *value;
    return {};
  };
}

template <typename Target, typename Field>
auto number(Field Target::*field, std::int64_t min, std::int64_t max) {
  return [=](const toml::node& node, Target& target) -> Complaint {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < min || *value > max)
      return "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
    target.*field = static_cast<std::uint32_t>(*value);
    return {};
  };
}

template <typename Target>
auto truth(std::optional<bool> Target::*field) {
  return [field](const toml::node& node, Target& target) -> Complaint {
    const auto value = node.value_exact<bool>();
    if (!value) return "true or false";
    target.*field = *value;
    return {};
  };
}

template <typename Target, typename Field>
auto size(Field Target::*field) {
  return [field](const toml::node& node, Target& target) -> Complaint {
    const auto value = node.value_exact<std::string>();
    const auto bytes = value ? parse_bytes(*value) : Result<std::uint64_t>(Status(Code::invalid_argument, ""));
    if (!bytes.ok() || bytes.value() == 0) return "a size above zero, such as \"2GiB\" or \"512MiB\"";
    target.*field = bytes.value();
    return {};
  };
}

template <typename Target, typename Field>
auto share(Field Target::*field) {
  return [field](const toml::node& node, Target& target) -> Complaint {
    const auto value = node.value_exact<std::string>();
    const auto gpu = value ? parse_milli_gpu(*value) : Result<MilliGpu>(Status(Code::invalid_argument, ""));
    if (!gpu.ok() || gpu.value() > whole_gpu) return "a share of one device, such as \"250m\" or \"1\"";
    target.*field = gpu.value();
    return {};
  };
}

Complaint set_log_level(const toml::node& node, Config& config) {
  const auto value = node.value_exact<std::string>();
  static const std::vector<std::string> levels{"debug", "info", "warn", "error"};
  if (!value || std::find(levels.begin(), levels.end(), *value) == levels.end())
    return "\"debug\", \"info\", \"warn\" or \"error\"";
  config.log_level = *value;
  return {};
}

Complaint set_placement_policy(const toml::node& node, Config& config) {
  const auto value = node.value_exact<std::string>();
  if (!value || allocator::find_policy(*value) == nullptr) return "one of: " + allocator::policy_names();
  config.placement_policy = *value;
  return {};
}

Complaint set_anonymous(const toml::node& node, Config& config) {
  const auto value = node.value_exact<std::string>();
  if (!value || !wire::valid_tenant_name(*value)) return "a tenant's name: 1 to 63 of letters, digits and . _ @ -";
  config.anonymous_tenant = *value;
  return {};
}

Complaint set_jail_without(const toml::node& node, Config& config) {
  const auto wanted = [] {
    std::string names;
    for (const Fence fence : all_fences()) names += (names.empty() ? "" : ", ") + std::string(fence_name(fence));
    return "an array of fences to do without, of: " + names;
  };
  const toml::array* array = node.as_array();
  if (array == nullptr) return wanted();
  for (const toml::node& item : *array) {
    const auto name = item.value_exact<std::string>();
    const auto fence = name ? parse_fence(*name) : std::nullopt;
    if (!fence) return wanted();
    config.jail_without.add(*fence);
  }
  return {};
}

Complaint set_jail_readable(const toml::node& node, Config& config) {
  static constexpr const char* wanted = "an array of absolute paths";
  const toml::array* array = node.as_array();
  if (array == nullptr) return wanted;
  for (const toml::node& item : *array) {
    const auto path = item.value_exact<std::string>();
    if (!path || !path->starts_with('/') || *path == "/") return wanted;
    config.jail_readable.push_back(*path);
  }
  return {};
}

Complaint set_cpus(const toml::node& node, DeviceRule& rule) {
  static constexpr const char* wanted = "an array with a list of CPUs for each card, such as [\"0-3\", \"4-7\"]";
  const toml::array* array = node.as_array();
  if (array == nullptr || array->empty()) return wanted;
  for (const toml::node& item : *array) {
    const auto list = item.value_exact<std::string>();
    const auto cpus = list ? CpuSet::parse(*list) : Result<CpuSet>(Status(Code::invalid_argument, ""));
    if (!cpus.ok()) return wanted;
    for (const CpuSet& other : rule.cpus)
      if (other.overlaps(cpus.value())) return std::string(wanted) + "; two of its cards have a CPU in common";
    rule.cpus.push_back(cpus.value());
  }
  return {};
}

bool valid_variable(std::string_view name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

Complaint set_environment(const toml::node& node, Config& config) {
  static constexpr const char* wanted = "a table of strings, such as { NAME = \"value\" }";
  const toml::table* table = node.as_table();
  if (table == nullptr) return wanted;
  for (const auto& [key, value] : *table) {
    const auto content = value.value_exact<std::string>();
    if (!content || !valid_variable(key.str())) return wanted;
    const std::string name(key.str());
    if (backend::is_cache_variable(name)) return std::string(wanted) + "; " + name + " is set by sluiced itself";
    config.environment[name] = *content;
  }
  return {};
}

// ---- the keys: sections of Config, and the table [[device]] ----

struct Section {
  std::string_view name;
  Keys<Config> keys;
};

const std::vector<Section>& sections() {
  static const std::vector<Section> all{
      {"daemon",
       {{"runtime_dir", folder(&Config::runtime_dir)},
        {"state_dir", folder(&Config::state_dir)},
        {"cache_dir", folder(&Config::cache_dir)},
        {"log_level", set_log_level}}},
      {"workers",
       {{"ready", number(&Config::workers_ready, 0, 64)},
        {"start_timeout_s", number(&Config::start_timeout_s, 1, 600)},
        {"probe_s", number(&Config::probe_s, 0, 86400)}}},
      {"defaults", {{"memory", size(&Config::default_memory_bytes)}, {"gpu", share(&Config::default_gpu)}}},
      {"placement", {{"policy", set_placement_policy}}},
      {"limits",
       {{"sessions_max", number(&Config::sessions_max, 1, 4096)},
        {"sessions_per_tenant_max", number(&Config::sessions_per_tenant_max, 1, 256)},
        {"memory_max", size(&Config::memory_max_bytes)},
        {"attach_per_s", number(&Config::attach_per_s, 1, 10000)},
        {"command_s", number(&Config::command_s, 1, 86400)},
        {"build_s", number(&Config::build_s, 1, 86400)},
        {"build_memory", size(&Config::build_memory_bytes)}}},
      {"tenants",
       {{"anonymous", set_anonymous},
        {"ad_hoc", truth(&Config::ad_hoc_tenants)},
        {"share_uid", truth(&Config::share_uid)}}},
      {"cache",
       {{"tenant_max", size(&Config::cache_tenant_bytes_max)},
        {"disk_free_min_percent", number(&Config::cache_disk_free_min_percent, 0, 50)}}},
      {"jail",
       {{"without", set_jail_without},
        {"cgroup", folder(&Config::jail_cgroup)},
        {"worker_memory", size(&Config::worker_memory_bytes)},
        {"worker_processes", number(&Config::worker_processes, 16, 32768)},
        {"readable", set_jail_readable},
        {"uid_first", number(&Config::uid_first, 1000, 2'000'000'000)},
        {"uid_count", number(&Config::uid_count, 1024, 1 << 20)}}},
      {"opencl", {{"icd_dir", folder(&Config::icd_dir)}, {"environment", set_environment}}}};
  return all;
}

const Keys<DeviceRule>& device_keys() {
  static const Keys<DeviceRule> keys{{"index", number(&DeviceRule::index, 0, 1023)},
                                     {"name", text(&DeviceRule::name)},
                                     {"enabled", truth(&DeviceRule::enabled)},
                                     {"memory", size(&DeviceRule::memory_bytes)},
                                     {"gpu", share(&DeviceRule::gpu)},
                                     {"cards", number(&DeviceRule::cards, 1, allocator::devices_per_node_max)},
                                     {"cpus", set_cpus}};
  return keys;
}

// ---- reading ----

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name), complaints_(name) {}

  Result<Config> read(const toml::table& root) {
    for (const auto& [key, node] : root) read_top(key, node);
    SLUICE_TRY(complaints_.status());
    return std::move(config_);
  }

 private:
  void complain(const toml::source_region& where, const std::string& what) { complaints_.add(where, what); }

  void read_top(const toml::key& key, const toml::node& node) {
    if (key.str() == "device") return read_devices(key, node);
    for (const Section& section : sections()) {
      if (section.name != key.str()) continue;
      const toml::table* table = node.as_table();
      if (table == nullptr) return complain(key.source(), "[" + std::string(key.str()) + "] must be a table");
      return read_table(*table, "[" + std::string(key.str()) + "]", section.keys, config_);
    }
    complain(key.source(), "unknown section '" + std::string(key.str()) +
                               "'; there are [daemon], [workers], [defaults], [placement], [limits], [tenants], "
                               "[cache], [jail], [opencl] and [[device]]");
  }

  void read_devices(const toml::key& key, const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr || !array->is_array_of_tables())
      return complain(key.source(), "write [[device]], with double brackets, for each device");
    for (const toml::node& item : *array) {
      DeviceRule rule;
      rule.where = name_ + ":" + std::to_string(item.source().begin.line);
      read_table(*item.as_table(), "[[device]]", device_keys(), rule);
      if (rule.index.has_value() == !rule.name.empty())
        complain(item.source(), "[[device]] needs either 'index' or 'name', to say which device it is about");
      if (rule.cards && !rule.cpus.empty() && *rule.cards != rule.cpus.size())
        complain(item.source(), "[[device]] has " + std::to_string(*rule.cards) + " 'cards', but 'cpus' for " +
                                    std::to_string(rule.cpus.size()));
      config_.devices.push_back(std::move(rule));
    }
  }

  template <typename Target>
  void read_table(const toml::table& table, const std::string& title, const Keys<Target>& keys, Target& target) {
    for (const auto& [key, node] : table) {
      const auto known =
          std::find_if(keys.begin(), keys.end(), [&k = key](const auto& row) { return row.name == k.str(); });
      if (known == keys.end()) {
        complain(key.source(),
                 "unknown key '" + std::string(key.str()) + "' in " + title + "; its keys are " + names(keys));
        continue;
      }
      const Complaint wanted = known->set(node, target);
      if (!wanted.empty()) complain(node.source(), "'" + std::string(key.str()) + "' must be " + wanted);
    }
  }

  template <typename Target>
  static std::string names(const Keys<Target>& keys) {
    std::string all;
    for (const auto& key : keys) all += (all.empty() ? "" : ", ") + std::string(key.name);
    return all;
  }

  std::string name_;
  Config config_;
  TomlComplaints complaints_;
};

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& name) {
  const toml::table root = SLUICE_TRY(parse_toml(text, name));
  return Reader(name).read(root);
}

Result<Config> load_config(const std::string& path) {
  const std::string text = SLUICE_TRY(read_toml_text(path));
  return parse_config(text, path);
}

std::vector<std::string> config_keys() {
  std::vector<std::string> names;
  for (const Section& section : sections())
    for (const auto& key : section.keys) names.push_back(std::string(section.name) + "." + std::string(key.name));
  for (const auto& key : device_keys()) names.push_back("device." + std::string(key.name));
  return names;
}

}  // namespace sluice::server
