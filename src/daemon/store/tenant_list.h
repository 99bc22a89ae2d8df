// TenantList: all tenants and their tokens, in memory. A plain value: what a change does to it can be asked of a copy,
// and every question about it is answered without a disk.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "daemon/store/tenant_record.h"

namespace sluice::store {

inline constexpr std::size_t tenants_max = 10'000;
inline constexpr std::size_t tokens_per_tenant_max = 64;

// ---- what can be done to the list ----
struct PutTenant {
  TenantRecord record;  // new, or instead of the one with that name
};
struct RemoveTenant {
  std::string name;  // its tokens go with it
};
struct PutToken {
  TokenRecord record;
};
struct RemoveToken {
  std::string id;
};
using Change = std::variant<PutTenant, RemoveTenant, PutToken, RemoveToken>;

class TenantList {
 public:
  using Tenants = std::map<std::string, TenantRecord, std::less<>>;
  using Tokens = std::map<std::string, TokenRecord, std::less<>>;  // by id

  const Tenants& tenants() const { return tenants_; }
  const Tokens& tokens() const { return tokens_; }
  // Null: there is none.
  const TenantRecord* find(std::string_view name) const;
  // Whose token this is. Null: nobody's, or not any more.
  const TenantRecord* bearer(std::string_view token_text) const;
  std::vector<TokenRecord> tokens_of(std::string_view tenant) const;

  // not_found, invalid_argument or exhausted (tenants_max, tokens_per_tenant_max): nothing has changed.
  Status apply(const Change& change);

  friend bool operator==(const TenantList&, const TenantList&) = default;

 private:
  Status put(const TenantRecord& record);
  Status put(const TokenRecord& record);
  Status remove_tenant(const std::string& name);
  Status remove_token(const std::string& id);

  Tenants tenants_;
  Tokens tokens_;
};

}  // namespace sluice::store
