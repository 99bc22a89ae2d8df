// What a command line says about a tenant, as a request of the admin protocol (docs/ADMIN-PROTOCOL.md).
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"

namespace sluice::cli {

// The tenant's name as the first word, under `key`. `request` must outlive the command.
void add_tenant_name(CLI::App& command, nlohmann::json& request, const std::string& key);
// --gpu, --cap, --class, --memory, --max-sessions, --uid, --gid, --cgroup. What is not given is not in the request.
void add_tenant_options(CLI::App& command, nlohmann::json& request);

// A number, or a name of this machine's users or groups. not_found: there is no such one.
Result<std::uint32_t> user_id(const std::string& text);
Result<std::uint32_t> group_id(const std::string& text);

// For options and files alike: what is wrong with the text; empty: nothing.
std::string check_tenant_name(const std::string& text);
std::string check_share(const std::string& text);       // of one device, maybe none
std::string check_some_share(const std::string& text);  // and not none
std::string check_size(const std::string& text);
std::string check_class(const std::string& text);
std::string check_user(const std::string& text);
std::string check_group(const std::string& text);

}  // namespace sluice::cli
