#include "tools/sluice/tenant_print.h"

#include "base/units.h"
#include "tools/sluice/table.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

std::uint64_t number(const json& object, const char* key) { return object.at(key).get<std::uint64_t>(); }
std::string text(const json& object, const char* key) { return object.at(key).get<std::string>(); }

std::string rules_cell(const json& tenant) {
  std::string all;
  for (const json& rule : tenant.at("rules"))
    for (const auto& [kind, subject] : rule.items())
      all +=
          (all.empty() ? "" : ", ") + kind + " " + (subject.is_string() ? subject.get<std::string>() : subject.dump());
  return all.empty() ? "-" : all;
}

std::string of(const std::string& part, const std::string& whole) { return part + " of " + whole; }

std::string memory_cell(const json& tenant) {
  return of(format_bytes(number(tenant, "memory_held_bytes")), format_bytes(number(tenant, "memory_bytes")));
}

std::string sessions_cell(const json& tenant) {
  return of(std::to_string(number(tenant, "sessions")), std::to_string(number(tenant, "sessions_max")));
}

std::string state_cell(const json& tenant) {
  if (tenant.at("suspended").get<bool>()) return "suspended";
  return number(tenant, "sessions") > 0 ? "in use" : "idle";
}

}  // namespace

std::string print_tenants(const json& reply) {
  Table table({{"TENANT"},
               {"GPU", Align::right},
               {"CAP", Align::right},
               {"CLASS"},
               {"MEMORY", Align::right},
               {"SESSIONS", Align::right},
               {"STATE"},
               {"WHO"}});
  for (const json& tenant : reply.at("tenants"))
    table.add({text(tenant, "name"), share_cell(number(tenant, "gpu_milli")), share_cell(number(tenant, "cap_milli")),
               text(tenant, "class"), memory_cell(tenant), sessions_cell(tenant), state_cell(tenant),
               rules_cell(tenant)});
  return table.empty() ? "no tenants; 'sluice tenant create --help' has examples\n" : table.text();
}

std::string print_tenant(const json& reply) {
  const json& tenant = reply.at("tenant");
  Table table({{"TENANT"}, {text(tenant, "name")}});
  table.add({"guaranteed", share_cell(number(tenant, "gpu_milli"))});
  table.add({"cap", share_cell(number(tenant, "cap_milli"))});
  table.add({"class", text(tenant, "class")});
  table.add({"memory", memory_cell(tenant)});
  table.add({"sessions", sessions_cell(tenant)});
  table.add({"state", state_cell(tenant)});
  if (tenant.contains("device")) table.add({"device", std::to_string(number(tenant, "device"))});
  table.add({"who", rules_cell(tenant)});
  table.add({"tokens", std::to_string(number(tenant, "tokens"))});
  return table.text();
}

std::string print_created(const json& reply) {
  const json& tenant = reply.at("tenant");
  const std::string name = text(tenant, "name");
  std::string line = "tenant " + name + " created";
  if (tenant.at("rules").empty())
    line +=
        "; nobody may use it yet: 'sluice tenant set " + name + " --uid USER', or 'sluice tenant token " + name + "'";
  return line + "\n";
}

std::string print_set(const json& reply) {
  const json& changes = reply.at("changes");
  if (changes.empty()) return "tenant " + text(reply.at("tenant"), "name") + " is so already\n";
  return print_changes(changes);
}

std::string print_deleted(const json& reply) {
  const std::uint64_t ended = number(reply, "ended_sessions");
  const std::string cache = reply.value("cache_removed", false) ? "; its cache is being removed\n" : "\n";
  if (ended == 0) return "deleted" + cache;
  return "deleted, and " + std::to_string(ended) + (ended == 1 ? " session" : " sessions") + " ended" + cache;
}

std::string print_tokens(const json& reply) {
  Table table({{"TOKEN"}, {"AGE", Align::right}, {"LABEL"}});
  for (const json& token : reply.at("tokens"))
    table.add({text(token, "id"), age_cell(number(reply, "now_unix_ns") - number(token, "created_unix_ns")),
               text(token, "label")});
  return table.empty() ? "no tokens\n" : table.text();
}

std::string print_changes(const json& changes) {
  std::string lines;
  for (const json& change : changes) {
    const std::string action = text(change, "action"), what = text(change, "what");
    const char* const sign = action == "create" ? "+" : action == "delete" ? "-" : "~";
    lines += std::string(sign) + " " + action + " " + text(change, "tenant") + (what.empty() ? "" : ": " + what) + "\n";
  }
  return lines;
}

}  // namespace sluice::cli
