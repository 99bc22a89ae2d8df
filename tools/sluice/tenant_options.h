// What a command line says about a tenant, as a request of the admin protocol (docs/ADMIN-PROTOCOL.md).
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice::cli {

// The tenant's name as the first word, under `key`. `request` must outlive the command.
void add_tenant_name(CLI::App& command, nlohmann::json& request, const std::string& key);
// --gpu, --cap, --class, --memory, --max-sessions, --uid, --gid, --cgroup. What is not given is not in the request.
void add_tenant_options(CLI::App& command, nlohmann::json& request);

}  // namespace sluice::cli
