#include "daemon/store/tenant_list.h"

#include <algorithm>

#include "daemon/store/token.h"

namespace sluice::store {

const TenantRecord* TenantList::find(std::string_view name) const {
  const auto found = tenants_.find(name);
  return found == tenants_.end() ? nullptr : &found->second;
}

const TenantRecord* TenantList::find(std::uint64_t id) const {
  const auto found =
      std::find_if(tenants_.begin(), tenants_.end(), [id](const auto& entry) { return entry.second.id == id; });
  return found == tenants_.end() ? nullptr : &found->second;
}

const AdHocTenant* TenantList::find_ad_hoc(std::uint32_t uid, const std::string& name) const {
  const auto found = ad_hoc_.find({uid, name});
  return found == ad_hoc_.end() ? nullptr : &found->second;
}

std::set<std::uint64_t> TenantList::ids() const {
  std::set<std::uint64_t> all;
  for (const auto& [name, tenant] : tenants_) all.insert(tenant.id);
  for (const auto& [key, tenant] : ad_hoc_) all.insert(tenant.id);
  return all;
}

const TenantRecord* TenantList::bearer(std::string_view text) const {
  const auto token = parse_token(text);
  if (!token) return nullptr;
  const auto row = tokens_.find(token->id);
  return row != tokens_.end() && opens(*token, row->second.hash) ? find(row->second.tenant) : nullptr;
}

std::vector<TokenRecord> TenantList::tokens_of(std::string_view tenant) const {
  std::vector<TokenRecord> own;
  for (const auto& [id, token] : tokens_)
    if (token.tenant == tenant) own.push_back(token);
  return own;
}

Status TenantList::apply(const Change& change) {
  if (const auto* tenant = std::get_if<PutTenant>(&change)) return put(tenant->record);
  if (const auto* tenant = std::get_if<RemoveTenant>(&change)) return remove_tenant(tenant->name);
  if (const auto* token = std::get_if<PutToken>(&change)) return put(token->record);
  if (const auto* token = std::get_if<RemoveToken>(&change)) return remove_token(token->id);
  if (const auto* tenant = std::get_if<PutAdHoc>(&change)) return put(tenant->tenant);
  return remove_ad_hoc(std::get<RemoveAdHoc>(change).id);
}

// before: the id of the tenant as it is; 0: it is new.
Result<std::uint64_t> TenantList::id_for(std::uint64_t wanted, std::uint64_t before) {
  if (before != 0) {
    if (wanted == 0 || wanted == before) return before;
    return Status(Code::invalid_argument, "a tenant's id cannot be changed");
  }
  const std::uint64_t id = wanted == 0 ? next_id_ : wanted;
  if (id >> 63 != 0 || (id < next_id_ && ids().contains(id)))
    return Status(Code::invalid_argument, "tenant id " + std::to_string(id) + " is taken");
  skip_ids_below(id + 1);
  return id;
}

Status TenantList::put(const TenantRecord& record) {
  SLUICE_TRY(validate(record));
  if (tenants_.size() >= tenants_max && find(record.name) == nullptr)
    return Status(Code::exhausted, "there are " + std::to_string(tenants_max) + " tenants, as many as there may be");
  const TenantRecord* before = find(record.name);
  const auto id = SLUICE_TRY(id_for(record.id, before == nullptr ? 0 : before->id));
  TenantRecord tidied = record;
  tidied.id = id;
  tidy(tidied);
  tenants_.insert_or_assign(record.name, std::move(tidied));
  return Status();
}

Status TenantList::put(const TokenRecord& record) {
  if (find(record.tenant) == nullptr) return Status(Code::not_found, "there is no tenant " + record.tenant);
  if (tokens_of(record.tenant).size() >= tokens_per_tenant_max)
    return Status(Code::exhausted, "tenant " + record.tenant + " has " + std::to_string(tokens_per_tenant_max) +
                                       " tokens, as many as it may; revoke some");
  tokens_.insert_or_assign(record.id, record);
  return Status();
}

Status TenantList::put(const AdHocTenant& tenant) {
  const AdHocTenant* before = find_ad_hoc(tenant.uid, tenant.name);
  const auto of_user =
      std::count_if(ad_hoc_.begin(), ad_hoc_.end(), [&](const auto& entry) { return entry.second.uid == tenant.uid; });
  if (before == nullptr && static_cast<std::size_t>(of_user) >= ad_hoc_per_user_max)
    return Status(Code::exhausted, "uid " + std::to_string(tenant.uid) + " has " + std::to_string(of_user) +
                                       " ad-hoc tenants, as many as it may");
  if (before == nullptr && ad_hoc_.size() >= ad_hoc_max)
    return Status(Code::exhausted,
                  "there are " + std::to_string(ad_hoc_max) + " ad-hoc tenants, as many as there may be");
  const auto id = SLUICE_TRY(id_for(tenant.id, before == nullptr ? 0 : before->id));
  AdHocTenant with_id = tenant;
  with_id.id = id;
  ad_hoc_.insert_or_assign({tenant.uid, tenant.name}, std::move(with_id));
  return Status();
}

Status TenantList::remove_ad_hoc(std::uint64_t id) {
  const std::size_t removed = std::erase_if(ad_hoc_, [id](const auto& entry) { return entry.second.id == id; });
  return removed != 0 ? Status() : Status(Code::not_found, "there is no ad-hoc tenant " + std::to_string(id));
}

Status TenantList::remove_tenant(const std::string& name) {
  if (tenants_.erase(name) == 0) return Status(Code::not_found, "there is no tenant " + name);
  std::erase_if(tokens_, [&name](const auto& entry) { return entry.second.tenant == name; });
  return Status();
}

Status TenantList::remove_token(const std::string& id) {
  return tokens_.erase(id) != 0 ? Status() : Status(Code::not_found, "there is no token " + id);
}

}  // namespace sluice::store
