#include "daemon/server/admin/tenant_admin.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/contract.h"
#include "base/log.h"
#include "daemon/server/admin/tenant_json.h"
#include "daemon/store/token.h"

namespace sluice::server {
namespace {

using nlohmann::json;
using store::TenantRecord;

constexpr std::size_t label_bytes_max = 128;

struct Verb {
  Result<json> (TenantAdmin::*answer)(const json& request);
  bool changes = true;
};

const std::map<std::string, Verb>& all_verbs() {
  static const std::map<std::string, Verb> all{{"tenant-create", {&TenantAdmin::create}},
                                               {"tenant-list", {&TenantAdmin::list, false}},
                                               {"tenant-show", {&TenantAdmin::show, false}},
                                               {"tenant-set", {&TenantAdmin::set}},
                                               {"tenant-suspend", {&TenantAdmin::suspend}},
                                               {"tenant-resume", {&TenantAdmin::resume}},
                                               {"tenant-delete", {&TenantAdmin::remove}},
                                               {"tenant-token-create", {&TenantAdmin::create_token}},
                                               {"tenant-token-list", {&TenantAdmin::list_tokens, false}},
                                               {"tenant-token-revoke", {&TenantAdmin::revoke_token}},
                                               {"apply", {&TenantAdmin::apply}}};
  return all;
}

// A string of the request; empty: it has none.
std::string text_of(const json& request, const char* key) {
  const auto field = request.find(key);
  return field != request.end() && field->is_string() ? field->get<std::string>() : "";
}

bool flag_of(const json& request, const char* key) {
  const auto field = request.find(key);
  return field != request.end() && field->is_boolean() && field->get<bool>();
}

// What goes into a log or onto a terminal is one line of printable ASCII.
bool printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

json steps_json(const std::vector<Step>& steps) {
  json list = json::array();
  for (const Step& step : steps)
    list.push_back({{"action", kind_word(step.kind)}, {"tenant", step.tenant.name}, {"what", step.what}});
  return list;
}

std::string sessions_text(std::size_t count) { return std::to_string(count) + (count == 1 ? " session" : " sessions"); }

Status in_use(const Tenant& tenant) {
  return Status(Code::unavailable, "tenant " + tenant.key.name + " is in use by " + sessions_text(tenant.sessions()) +
                                       ": end them first, or delete it with force (sluice tenant delete --force)");
}

}  // namespace

bool TenantAdmin::knows(const std::string& verb) { return all_verbs().contains(verb); }

std::string TenantAdmin::verbs() {
  std::string all;
  for (const auto& [name, verb] : all_verbs()) all += (all.empty() ? "" : ", ") + name;
  return all;
}

Result<json> TenantAdmin::answer(const std::string& name, const json& request) {
  SLUICE_REQUIRE(knows(name));
  const Verb& verb = all_verbs().at(name);
  if (verb.changes && !open_)
    return Status(Code::unavailable, "the daemon has just started and looks for sessions; try again in a moment");
  return (this->*verb.answer)(request);
}

// ---- looking ----

Result<const TenantRecord*> TenantAdmin::named(const json& request, const char* key) const {
  const std::string name = text_of(request, key);
  if (name.empty()) return Status(Code::invalid_argument, std::string("'") + key + "' must be a tenant's name");
  const TenantRecord* tenant = registry_.list().find(name);
  if (tenant == nullptr) return Status(Code::not_found, "there is no tenant " + name + "; see 'sluice tenant list'");
  return tenant;
}

const Tenant* TenantAdmin::live(const TenantRecord& tenant) const { return slices_.tenants().find(tenant.id); }

json TenantAdmin::view_of(const TenantRecord& tenant) const {
  const Tenant* living = live(tenant);
  return tenant_json(tenant, living, living == nullptr ? 0 : sessions_.held_by(*living));
}

Result<json> TenantAdmin::list(const json&) {
  json tenants = json::array();
  for (const auto& [name, tenant] : registry_.list().tenants()) tenants.push_back(view_of(tenant));
  return json{{"tenants", std::move(tenants)}};
}

Result<json> TenantAdmin::show(const json& request) {
  const auto tenant = SLUICE_TRY(named(request, "name"));
  json view = view_of(*tenant);
  view["tokens"] = registry_.list().tokens_of(tenant->name).size();
  return json{{"tenant", std::move(view)}};
}

// ---- changing ----

Status TenantAdmin::check(const Step& step) const {
  if (step.kind != Step::Kind::remove) return Status();
  const Tenant* now = live(step.tenant);
  return now == nullptr ? Status() : in_use(*now);
}

Status TenantAdmin::check(const std::vector<Step>& steps) const {
  std::vector<TenantRecord> changed;
  for (const Step& step : steps) {
    SLUICE_TRY(check(step));
    if (step.kind == Step::Kind::change) changed.push_back(step.tenant);
  }
  return slices_.check(changed);
}

Status TenantAdmin::carry_out(const std::vector<Step>& steps) {
  if (steps.empty()) return Status();
  SLUICE_TRY(registry_.commit(changes_of(steps)));
  for (const Step& step : steps) {
    log::info("tenant {}: {}{}{}", step.tenant.name, kind_word(step.kind), step.what.empty() ? "" : ": ", step.what);
    if (step.kind == Step::Kind::change) slices_.change(step.tenant);
    if (step.kind == Step::Kind::remove) removed.raise(step.tenant.id);
  }
  return Status();
}

Result<json> TenantAdmin::create(const json& request) {
  TenantRecord base = defaults_;
  base.created_unix_ns = unix_now_ns();
  auto tenant = SLUICE_TRY(read_tenant(request, std::move(base), {"verb"}));
  if (registry_.list().find(tenant.name) != nullptr)
    return Status(Code::invalid_argument,
                  "there is a tenant " + tenant.name + " already; change it with 'sluice tenant set'");
  const std::vector<Step> steps = plan_one(registry_.list(), tenant);
  SLUICE_TRY(check(steps));
  SLUICE_TRY(carry_out(steps));
  return json{{"tenant", tenant_json(*registry_.list().find(tenant.name), nullptr, 0)}};
}

Result<json> TenantAdmin::set(const json& request) {
  const auto before = SLUICE_TRY(named(request, "name"));
  const auto tenant = SLUICE_TRY(read_tenant(request, *before, {"verb"}));
  const std::vector<Step> steps = plan_one(registry_.list(), tenant);
  SLUICE_TRY(check(steps));
  SLUICE_TRY(carry_out(steps));
  return json{{"tenant", view_of(tenant)}, {"changes", steps_json(steps)}};
}

Result<json> TenantAdmin::suspend(const json& request) { return set_suspended(request, true); }
Result<json> TenantAdmin::resume(const json& request) { return set_suspended(request, false); }

Result<json> TenantAdmin::set_suspended(const json& request, bool suspended) {
  return set({{"name", text_of(request, "name")}, {"suspended", suspended}});
}

Result<json> TenantAdmin::remove(const json& request) {
  const auto tenant = SLUICE_TRY(named(request, "name"));
  const std::vector<Step> steps{{Step::Kind::remove, *tenant, ""}};
  const Tenant* now = live(*tenant);
  const std::size_t ended = now == nullptr ? 0 : now->sessions();
  if (now != nullptr && flag_of(request, "force")) end_sessions(*now);
  else SLUICE_TRY(check(steps));
  SLUICE_TRY(carry_out(steps));
  return json{{"ended_sessions", ended}, {"cache_removed", true}};
}

void TenantAdmin::end_sessions(const Tenant& tenant) {
  const std::string reason = "tenant " + tenant.key.name + " was deleted";
  for (const auto& [id, session] : sessions_.live())
    if (session->use.tenant == &tenant)
      for (const LiveBinding& binding : session->bindings) pool_.end(*binding.worker, reason);
  opener_.refuse_waiting(tenant, Status(Code::permission_denied, reason));
}

// ---- a whole list ----

Result<std::vector<TenantRecord>> TenantAdmin::wanted_by(const json& request) const {
  const auto given = request.find("tenants");
  if (given == request.end() || !given->is_array())
    return Status(Code::invalid_argument, "'tenants' must be a list of tenants");
  std::vector<TenantRecord> wanted;
  std::set<std::string> names;
  for (const json& item : *given) {
    TenantRecord base = defaults_;
    base.created_unix_ns = unix_now_ns();
    // Who is suspended, and since when there is a tenant, a list need not say.
    if (const TenantRecord* before = registry_.list().find(item.is_object() ? text_of(item, "name") : "");
        before != nullptr) {
      base.terms.suspended = before->terms.suspended;
      base.created_unix_ns = before->created_unix_ns;
    }
    auto tenant = SLUICE_TRY(read_tenant(item, std::move(base)));
    if (!names.insert(tenant.name).second)
      return Status(Code::invalid_argument, "tenant " + tenant.name + " is in the list twice");
    wanted.push_back(std::move(tenant));
  }
  return wanted;
}

Result<json> TenantAdmin::apply(const json& request) {
  const auto wanted = SLUICE_TRY(wanted_by(request));
  const bool dry_run = flag_of(request, "dry_run");
  const std::vector<Step> steps = plan(registry_.list(), wanted);
  Status done = check(steps);
  if (done.ok() && !dry_run) done = carry_out(steps);
  if (!done.ok() && !dry_run) return done;
  json reply{{"dry_run", dry_run}, {"changes", steps_json(steps)}};
  if (!done.ok()) reply["obstacle"] = done.message();
  return reply;
}

// ---- tokens ----

Result<json> TenantAdmin::create_token(const json& request) {
  const auto tenant = SLUICE_TRY(named(request, "tenant"));
  const std::string label = text_of(request, "label");
  if (label.size() > label_bytes_max || !printable(label))
    return Status(Code::invalid_argument, "a label is one line of at most 128 printable ASCII characters");
  const auto token = SLUICE_TRY(store::make_token());
  const store::TokenRecord record{token.id, store::hash_of(token), tenant->name, label, unix_now_ns()};
  SLUICE_TRY(registry_.commit(store::PutToken{record}));
  log::info("tenant {}: token {} made{}{}", record.tenant, record.id, label.empty() ? "" : ": ", label);
  json reply = token_json(record);
  reply["token"] = store::token_text(token);
  return reply;
}

Result<json> TenantAdmin::list_tokens(const json& request) {
  const auto tenant = SLUICE_TRY(named(request, "tenant"));
  json tokens = json::array();
  for (const store::TokenRecord& token : registry_.list().tokens_of(tenant->name)) tokens.push_back(token_json(token));
  return json{{"now_unix_ns", unix_now_ns()}, {"tokens", std::move(tokens)}};
}

Result<json> TenantAdmin::revoke_token(const json& request) {
  const auto tenant = SLUICE_TRY(named(request, "tenant"));
  const std::string name = tenant->name, id = text_of(request, "id");
  const auto token = registry_.list().tokens().find(id);
  if (token == registry_.list().tokens().end() || token->second.tenant != name)
    return Status(Code::not_found,
                  "tenant " + name + " has no such token; see 'sluice tenant token " + name + " --list'");
  SLUICE_TRY(registry_.commit(store::RemoveToken{id}));
  log::info("tenant {}: token {} revoked", name, id);
  return json::object();
}

}  // namespace sluice::server
