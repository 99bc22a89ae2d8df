// What an administrator may say about a tenant, in options and files alike.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace sluice::cli {

// A number, or a name of this machine's users or groups. not_found: there is no such one.
Result<std::uint32_t> user_id(const std::string& text);
Result<std::uint32_t> group_id(const std::string& text);

// What is wrong with the text; empty: nothing.
std::string check_tenant_name(const std::string& text);
std::string check_share(const std::string& text);       // of one device, maybe none
std::string check_some_share(const std::string& text);  // and not none
std::string check_size(const std::string& text);
std::string check_class(const std::string& text);
std::string check_sessions(const std::string& text);
std::string check_cgroup(const std::string& text);
std::string check_user(const std::string& text);
std::string check_group(const std::string& text);

}  // namespace sluice::cli
