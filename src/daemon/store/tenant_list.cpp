#include "daemon/store/tenant_list.h"

#include "daemon/store/token.h"

namespace sluice::store {

const TenantRecord* TenantList::find(std::string_view name) const {
  const auto found = tenants_.find(name);
  return found == tenants_.end() ? nullptr : &found->second;
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
  return remove_token(std::get<RemoveToken>(change).id);
}

Status TenantList::put(const TenantRecord& record) {
  if (Status valid = validate(record); !valid.ok()) return valid;
  if (tenants_.size() >= tenants_max && find(record.name) == nullptr)
    return Status(Code::exhausted, "there are " + std::to_string(tenants_max) + " tenants, as many as there may be");
  TenantRecord tidied = record;
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

Status TenantList::remove_tenant(const std::string& name) {
  if (tenants_.erase(name) == 0) return Status(Code::not_found, "there is no tenant " + name);
  std::erase_if(tokens_, [&name](const auto& entry) { return entry.second.tenant == name; });
  return Status();
}

Status TenantList::remove_token(const std::string& id) {
  return tokens_.erase(id) != 0 ? Status() : Status(Code::not_found, "there is no token " + id);
}

}  // namespace sluice::store
