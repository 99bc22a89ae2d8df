// Tenants and their tokens as people read them, from answers of the admin protocol.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::cli {

std::string print_tenants(const nlohmann::json& reply);
std::string print_tenant(const nlohmann::json& reply);
std::string print_created(const nlohmann::json& reply);
std::string print_set(const nlohmann::json& reply);
std::string print_deleted(const nlohmann::json& reply);
std::string print_tokens(const nlohmann::json& reply);

// "+ create alice: 250m guaranteed, ..."; a line each.
std::string print_changes(const nlohmann::json& changes);

}  // namespace sluice::cli
