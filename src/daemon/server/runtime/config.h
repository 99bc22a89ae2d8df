// Config: what an administrator may decide, from one TOML file.
//
// Everything has a default: no file at all is a whole configuration. Whatever the file says that is not understood is
// refused with file, line and column, never skipped: a misspelt limit would be no limit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_set.h"
#include "base/status.h"
#include "base/units.h"
#include "daemon/sessions/fences.h"

namespace sluice::server {

// One [[device]] table: what holds for the devices that it matches. Of several that match, the last one counts, key by
// key.
struct DeviceRule {
  std::optional<std::uint32_t>
      index;         // either this, in the order of discovery: before devices are split into cards ...
  std::string name;  // ... or a pattern of the shell over the device's name
  std::optional<bool> enabled;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<MilliGpu> gpu;
  std::optional<std::uint32_t> cards;  // split the device into so many, of which each is a device of the pool
  std::vector<CpuSet> cpus;            // those of each card; empty: the daemon's, divided evenly
  std::string where;                   // "sluiced.toml:12", for warnings
};

struct Config {
  // [daemon]; empty: the default of the mode (paths.h)
  std::string runtime_dir, state_dir, cache_dir;
  std::string log_level = "info";
  // [workers]
  std::uint32_t workers_ready = 2;
  std::uint32_t start_timeout_s = 30;
  std::uint32_t probe_s = 60;  // a device that nobody uses is looked at so often; 0: only in doubt
  // [defaults]
  std::optional<std::uint64_t> default_memory_bytes;  // absent: an eighth of the device's
  MilliGpu default_gpu;
  // [placement]
  std::string placement_policy = "best-fit-memory";  // one that allocator::find_policy() knows
  // [limits]
  std::uint32_t sessions_max = 256;
  std::uint32_t sessions_per_tenant_max = 16;
  std::optional<std::uint64_t> memory_max_bytes;
  std::uint32_t attach_per_s = 50;                // sessions that a user or a tenant may ask for, in the long run
  std::uint32_t command_s = 30;                   // a command may keep others waiting for so long
  std::uint32_t build_s = 120;                    // of processor time, for one build
  std::uint64_t build_memory_bytes = 3ull << 29;  // of the worker, for the builds that run at a time
  // [tenants]
  std::string anonymous_tenant;        // whose programs those are that no rule names; empty: nobody's
  std::optional<bool> ad_hoc_tenants;  // absent: in a user's own pool alone
  std::optional<bool> share_uid;       // tenants may have sessions of one user at a time; absent: in a user's own pool
  // [cache]
  std::optional<std::uint64_t> cache_tenant_bytes_max;  // absent: 1 GiB
  std::uint32_t cache_disk_free_min_percent = 2;
  // [jail]
  FenceSet jail_without;
  std::string jail_cgroup;                                // empty: cgroups::default_group
  std::uint64_t worker_memory_bytes = 2ull << 30;         // of the host, beside its session's memory
  std::uint32_t worker_processes = 512;                   // and threads
  std::vector<std::string> jail_readable;                 // for drivers outside of the system's folders
  std::uint32_t uid_first = 700'000, uid_count = 65'536;  // users of the machine that workers run as
  // [opencl]
  std::string icd_dir;
  std::map<std::string, std::string> environment;
  // [[device]]
  std::vector<DeviceRule> devices;
};

// `name` stands in front of each complaint: "sluiced.toml:3:1: unknown key ...". One line per complaint.
Result<Config> parse_config(std::string_view text, const std::string& name);

// not_found: there is no such file.
Result<Config> load_config(const std::string& path);

// Every key that parse_config knows, as "section.key": what the documentation must cover.
std::vector<std::string> config_keys();

}  // namespace sluice::server
