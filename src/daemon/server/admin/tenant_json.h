// Tenants and tokens in the words of the admin protocol (docs/ADMIN-PROTOCOL.md).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/status.h"
#include "daemon/server/tenants/tenants.h"
#include "daemon/store/tenant_record.h"

namespace sluice::server {

// Reads what `given` says about a tenant over what `base` has. Its "rules" stand for all of them; keys in `others`
// are somebody else's. invalid_argument: a key is unknown, or its value not what it must be.
Result<store::TenantRecord> read_tenant(const nlohmann::json& given, store::TenantRecord base,
                                        std::initializer_list<std::string_view> others = {});

// `live`: the same tenant with its sessions, which hold so much memory; null: it has none.
nlohmann::json tenant_json(const store::TenantRecord& tenant, const Tenant* live, std::uint64_t held_bytes);
nlohmann::json token_json(const store::TokenRecord& token);

}  // namespace sluice::server
