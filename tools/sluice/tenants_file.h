// A file of tenants, for `sluice apply`: one [[tenant]] table each.
//
//   [[tenant]]
//   name = "alice"
//   gpu = "250m"                  # these six may be left out
//   cap = "500m"
//   class = "standard"
//   memory = "2GiB"
//   max_sessions = 8
//   suspended = false
//   uid = [1000, "alice"]         # who may use it: users and groups by number or name, cgroups by path
//   gid = ["students"]
//   cgroup = ["/ci.slice"]
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice::cli {

// The tenants as the admin protocol has them. invalid_argument: whatever is not understood, each with its place
// ("tenants.toml:3:1: unknown key ..."), one a line.
Result<nlohmann::json> parse_tenants(std::string_view text, const std::string& name);
// not_found: there is no such file.
Result<nlohmann::json> load_tenants(const std::string& path);

}  // namespace sluice::cli
