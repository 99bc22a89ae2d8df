// TenantList: all tenants and their tokens, in memory. A plain value: what a change does to it can be asked of a copy,
// and every question about it is answered without a disk.
//
// Registered and ad-hoc tenants have ids from one sequence. An id is given once and is never used again, also when its
// tenant is removed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"
#include "daemon/store/tenant_record.h"

namespace sluice::store {

inline constexpr std::size_t tenants_max = 10'000;
inline constexpr std::size_t tokens_per_tenant_max = 64;
inline constexpr std::size_t ad_hoc_max = 4096;
inline constexpr std::size_t ad_hoc_per_user_max = 64;

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
struct PutAdHoc {
  AdHocTenant tenant;  // new, or the one with that user and name, used again
};
struct RemoveAdHoc {
  std::uint64_t id = 0;
};
using Change = std::variant<PutTenant, RemoveTenant, PutToken, RemoveToken, PutAdHoc, RemoveAdHoc>;

class TenantList {
 public:
  using Tenants = std::map<std::string, TenantRecord, std::less<>>;
  using Tokens = std::map<std::string, TokenRecord, std::less<>>;  // by id
  using AdHoc = std::map<std::pair<std::uint32_t, std::string>, AdHocTenant>;

  const Tenants& tenants() const { return tenants_; }
  const Tokens& tokens() const { return tokens_; }
  const AdHoc& ad_hoc() const { return ad_hoc_; }
  // The first id that was never given. Can only be raised.
  std::uint64_t next_id() const { return next_id_; }
  void skip_ids_below(std::uint64_t id) { next_id_ = std::max(next_id_, id); }
  // Null: there is none.
  const TenantRecord* find(std::string_view name) const;
  const TenantRecord* find(std::uint64_t id) const;
  const AdHocTenant* find_ad_hoc(std::uint32_t uid, const std::string& name) const;
  // Of all tenants, registered and ad hoc.
  std::set<std::uint64_t> ids() const;
  // Whose token this is. Null: nobody's, or not any more.
  const TenantRecord* bearer(std::string_view token_text) const;
  std::vector<TokenRecord> tokens_of(std::string_view tenant) const;

  // not_found, invalid_argument (also an id that is another's, or that changes) or exhausted (tenants_max,
  // tokens_per_tenant_max, ad_hoc_max, ad_hoc_per_user_max): nothing has changed.
  Status apply(const Change& change);

  friend bool operator==(const TenantList&, const TenantList&) = default;

 private:
  Status put(const TenantRecord& record);
  Status put(const TokenRecord& record);
  Status put(const AdHocTenant& tenant);
  Status remove_ad_hoc(std::uint64_t id);
  Result<std::uint64_t> id_for(std::uint64_t wanted, std::uint64_t before);
  Status remove_tenant(const std::string& name);
  Status remove_token(const std::string& id);

  Tenants tenants_;
  Tokens tokens_;
  AdHoc ad_hoc_;
  std::uint64_t next_id_ = 1;
};

}  // namespace sluice::store
