#include "daemon/server/sessions/memory_grants.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/contract.h"

namespace sluice::server {

// ---- sessions ----

MemoryGrants::Grantee& MemoryGrants::add(const BindingId& binding, const std::string& tenant, std::uint64_t limit_bytes,
                                         std::unique_ptr<MemoryGrantor> grantor) {
  SLUICE_REQUIRE(!tenant_of_.contains(binding) && !source_of_.contains(binding));
  std::unique_ptr<Tenant>& books = tenants_[tenant];
  if (books == nullptr) books = std::make_unique<Tenant>();
  books->key = tenant;
  books->limit_bytes = limit_bytes;
  tenant_of_[binding] = books.get();
  Grantee& added = books->grantees[binding];
  added.tenant = books.get();
  added.grantor = std::move(grantor);
  return added;
}

void MemoryGrants::open(const BindingId& binding, const std::string& tenant, std::uint64_t limit_bytes,
                        std::unique_ptr<MemoryGrantor> grantor) {
  const std::lock_guard lock(mutex_);
  Grantee& added = add(binding, tenant, limit_bytes, std::move(grantor));
  fit(*added.tenant);
  const std::uint64_t others = counted_beside(*added.tenant, &added);
  set_granted(added, others < limit_bytes ? limit_bytes - others : 0);
  SLUICE_INVARIANT(within_limit(*added.tenant));
}

void MemoryGrants::take_over(const BindingId& binding, const std::string& tenant, std::uint64_t limit_bytes,
                             std::unique_ptr<MemoryGrantor> grantor, std::uint64_t granted_bytes) {
  const std::lock_guard lock(mutex_);
  Grantee& added = add(binding, tenant, limit_bytes, std::move(grantor));
  set_granted(added, granted_bytes);
  added.current = added.grantor->current();
  fit(*added.tenant);
}

void MemoryGrants::close(const BindingId& binding) {
  const std::lock_guard lock(mutex_);
  if (const auto target = source_of_.find(binding); target != source_of_.end()) {
    Grantee& session = tenant_of_.at(target->second)->grantees.at(target->second);
    session.target->set_granted(0);
    session.target.reset();
    session.target_pinned_bytes = 0;
    source_of_.erase(target);
    return;
  }
  const auto found = tenant_of_.find(binding);
  if (found == tenant_of_.end()) return;
  std::erase_if(source_of_, [&](const auto& entry) { return entry.second == binding; });
  Tenant& tenant = *found->second;
  tenant.grantees.erase(binding);
  tenant_of_.erase(found);
  if (tenant.grantees.empty()) tenants_.erase(std::string(tenant.key));
  else answer_all(tenant);  // it may have been waited for
}

void MemoryGrants::open_target(const BindingId& source, const BindingId& target,
                               std::unique_ptr<MemoryGrantor> grantor) {
  const std::lock_guard lock(mutex_);
  SLUICE_REQUIRE(tenant_of_.contains(source) && !tenant_of_.contains(target) && !source_of_.contains(target));
  Grantee& session = tenant_of_.at(source)->grantees.at(source);
  SLUICE_REQUIRE(session.target == nullptr);
  session.target = std::move(grantor);
  session.target_pinned_bytes = session.target_answered = 0;
  source_of_[target] = source;
  entitle_target(session);
}

void MemoryGrants::commit_target(const BindingId& target) {
  const std::lock_guard lock(mutex_);
  const auto found = source_of_.find(target);
  SLUICE_REQUIRE(found != source_of_.end());
  const BindingId source = found->second;
  Tenant& tenant = *tenant_of_.at(source);
  Grantee session = std::move(tenant.grantees.at(source));
  session.grantor = std::exchange(session.target, nullptr);
  session.answered = std::exchange(session.target_answered, 0);
  session.pinned_bytes = std::exchange(session.target_pinned_bytes, 0);
  session.grantor->set_granted(session.granted_bytes);
  tenant.grantees.erase(source);
  tenant_of_.erase(source);
  source_of_.erase(found);
  tenant_of_[target] = &tenant;
  tenant.grantees[target] = std::move(session);
  answer_all(tenant);
}

void MemoryGrants::hold() {
  const std::lock_guard lock(mutex_);
  holds_ = true;
}

void MemoryGrants::release() {
  const std::lock_guard lock(mutex_);
  holds_ = false;
  for (const auto& [key, tenant] : tenants_) answer_all(*tenant);
}

void MemoryGrants::set_limit(const std::string& tenant, std::uint64_t limit_bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return;
  found->second->limit_bytes = limit_bytes;
  fit(*found->second);
}

void MemoryGrants::answer_request(const BindingId& binding) {
  const std::lock_guard lock(mutex_);
  const auto as_target = source_of_.find(binding);
  const auto found = tenant_of_.find(as_target != source_of_.end() ? as_target->second : binding);
  if (found == tenant_of_.end()) return;
  Tenant& tenant = *found->second;
  Grantee& asking = tenant.grantees.at(found->first);
  if (!asking.current && asking.grantor->current()) {
    asking.current = true;
    fit(tenant);
    return answer_all(tenant);
  }
  if (holds_) return;
  answer(tenant, asking);
  answer_target(tenant, asking);
}

std::uint64_t MemoryGrants::held_by(const std::string& tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return 0;
  std::uint64_t sum = 0;
  for (const auto& [id, session] : found->second->grantees) sum += held_of(session);
  return sum;
}

// ---- what counts ----

std::uint64_t MemoryGrants::held_of(const Grantee& session) {
  const std::uint64_t held = session.grantor->held();
  const std::uint64_t of_both = session.target != nullptr ? std::max(held, session.target->held()) : held;
  return std::min(of_both, session.entitled_bytes());
}

// While it moves, the target may take all that the session may hold, whatever the source gives back meanwhile.
std::uint64_t MemoryGrants::counted_of(const Grantee& session) {
  return session.target != nullptr ? session.entitled_bytes() : std::max(session.granted_bytes, held_of(session));
}

// Until the worker has taken what it asked for, or asks for something else.
std::uint64_t MemoryGrants::pinned_of(const Grantee& session) {
  const auto pinned = [](const MemoryGrantor& grantor, std::uint64_t answered, std::uint64_t bytes) {
    const auto wish = grantor.wish();
    return wish && wish->number == answered ? bytes : 0;
  };
  const std::uint64_t own = pinned(*session.grantor, session.answered, session.pinned_bytes);
  if (session.target == nullptr) return own;
  return std::max(own, pinned(*session.target, session.target_answered, session.target_pinned_bytes));
}

std::uint64_t MemoryGrants::counted_beside(const Tenant& tenant, const Grantee* session) {
  std::uint64_t sum = 0;
  for (const auto& [id, other] : tenant.grantees)
    if (&other != session) sum += counted_of(other);
  return sum;
}

// ---- changing grants ----

void MemoryGrants::write_grant(Grantee& session, std::uint64_t bytes) {
  session.grantor->set_granted(bytes);
  if (session.target != nullptr) session.target->set_granted(bytes);
}

void MemoryGrants::entitle_target(Grantee& session) {
  if (session.target != nullptr) session.target->set_granted(session.entitled_bytes());
}

void MemoryGrants::set_granted(Grantee& session, std::uint64_t bytes) {
  session.owed_bytes = held_of(session);
  session.granted_bytes = bytes;
  session.grantor->set_granted(bytes);
  entitle_target(session);
}

// To what the session holds, at the least. What it adds meanwhile is either seen here or taken back by itself.
void MemoryGrants::lower(Grantee& session, std::uint64_t to_bytes) {
  to_bytes = std::max(to_bytes, pinned_of(session));
  if (!session.current || to_bytes >= session.granted_bytes) return;
  const std::uint64_t before = session.granted_bytes;
  write_grant(session, to_bytes);
  session.owed_bytes = held_of(session);
  session.granted_bytes = std::max(to_bytes, std::min(session.owed_bytes, before));
  if (session.granted_bytes != to_bytes) session.grantor->set_granted(session.granted_bytes);
  entitle_target(session);
}

// Brings the grants of all down to the limit. Where not even that is enough which is held, nobody may hold more than
// now: every further byte is asked for, until enough was given back.
void MemoryGrants::fit(Tenant& tenant) {
  for (auto& [id, session] : tenant.grantees) {
    const std::uint64_t counted = counted_beside(tenant, nullptr);
    if (counted <= tenant.limit_bytes) return;
    const std::uint64_t excess = counted - tenant.limit_bytes;
    lower(session, session.granted_bytes > excess ? session.granted_bytes - excess : 0);
  }
  if (counted_beside(tenant, nullptr) <= tenant.limit_bytes) return;
  for (auto& [id, session] : tenant.grantees)
    if (session.current) {
      write_grant(session, 0);
      session.owed_bytes = held_of(session);
      session.granted_bytes = 0;
      entitle_target(session);
    }
  SLUICE_INVARIANT(within_limit(tenant));
}

// What was granted, whatever the workers say they hold. What an earlier daemon granted cannot be lowered yet.
bool MemoryGrants::within_limit(const Tenant& tenant) {
  std::uint64_t granted = 0;
  for (const auto& [id, session] : tenant.grantees) {
    if (!session.current) return true;
    granted += session.granted_bytes;
  }
  return granted <= tenant.limit_bytes;
}

// First half of what others do not use, so that two sessions do not take the same bytes from each other for ever; then
// all of it. A second look at all of them makes a refusal true: what is held can only fall then, so the sum that was
// seen was held at one moment. Refused, everybody has what they had.
bool MemoryGrants::make_room(Tenant& tenant, const Grantee& session, std::uint64_t bytes) {
  const auto fits = [&] {
    return bytes <= tenant.limit_bytes && counted_beside(tenant, &session) <= tenant.limit_bytes - bytes;
  };
  if (bytes > tenant.limit_bytes) return false;
  if (fits()) return true;
  std::vector<std::pair<Grantee*, std::uint64_t>> before;
  for (auto& [id, other] : tenant.grantees)
    if (&other != &session) before.emplace_back(&other, other.granted_bytes);
  for (const auto& [other, granted] : before) {
    const std::uint64_t held = std::min(held_of(*other), granted);
    lower(*other, held + (granted - held) / 2);
    if (fits()) return true;
  }
  for (int look = 0; look < 2; ++look)
    for (const auto& [other, granted] : before) {
      lower(*other, 0);
      if (fits()) return true;
    }
  for (const auto& [other, granted] : before)
    if (other->granted_bytes < granted) set_granted(*other, granted);
  return false;
}

// ---- wishes ----

// Without room it may have to wait: for a session of the tenant whose grant an earlier daemon gave.
void MemoryGrants::answer(Tenant& tenant, Grantee& session) {
  const auto wish = session.grantor->wish();
  if (!wish || wish->number == session.answered || !session.current) return;
  const bool room = wish->wanted_bytes <= session.granted_bytes || make_room(tenant, session, wish->wanted_bytes);
  const auto is_old = [](const auto& entry) { return !entry.second.current; };
  if (!room && std::any_of(tenant.grantees.begin(), tenant.grantees.end(), is_old)) return;
  // What the others hold is their workers' word, which may be another by now than when there was room.
  if (room && wish->wanted_bytes > session.granted_bytes)
    set_granted(session, tenant.limit_bytes -
                             std::min(counted_beside(tenant, &session), tenant.limit_bytes - wish->wanted_bytes));
  SLUICE_INVARIANT(within_limit(tenant));
  session.pinned_bytes = room ? wish->wanted_bytes : 0;
  session.answered = wish->number;
  session.grantor->answer(*wish);
}

// As answer(): what the target needs is what the session needs.
void MemoryGrants::answer_target(Tenant& tenant, Grantee& session) {
  const auto wish = session.target != nullptr ? session.target->wish() : std::nullopt;
  if (!wish || wish->number == session.target_answered || !session.current) return;
  const bool more = wish->wanted_bytes > session.entitled_bytes();
  const bool room = !more || make_room(tenant, session, wish->wanted_bytes);
  if (room && more)
    set_granted(session, tenant.limit_bytes -
                             std::min(counted_beside(tenant, &session), tenant.limit_bytes - wish->wanted_bytes));
  session.target_pinned_bytes = room ? std::min(wish->wanted_bytes, session.granted_bytes) : 0;
  session.target_answered = wish->number;
  session.target->answer(*wish);
}

void MemoryGrants::answer_all(Tenant& tenant) {
  if (holds_) return;
  for (auto& [id, session] : tenant.grantees) {
    answer(tenant, session);
    answer_target(tenant, session);
  }
}

}  // namespace sluice::server
