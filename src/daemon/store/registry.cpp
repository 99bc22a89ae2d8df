#include "daemon/store/registry.h"

#include <map>

namespace sluice::store {
namespace {

constexpr std::uint64_t schema_version = 1;

// user_version says which schema this is; a later one is reached by steps from here.
constexpr const char* schema = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE tenants (
    name TEXT PRIMARY KEY, guarantee_milli INTEGER NOT NULL, cap_milli INTEGER NOT NULL, class TEXT NOT NULL,
    suspended INTEGER NOT NULL, memory_bytes INTEGER NOT NULL, sessions_max INTEGER NOT NULL,
    created_unix_ns INTEGER NOT NULL) STRICT;
  CREATE TABLE rules (
    tenant TEXT NOT NULL REFERENCES tenants (name) ON DELETE CASCADE, kind TEXT NOT NULL, id INTEGER NOT NULL,
    path TEXT NOT NULL, PRIMARY KEY (tenant, kind, id, path)) STRICT;
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants (name) ON DELETE CASCADE, hash BLOB NOT NULL,
    label TEXT NOT NULL, created_unix_ns INTEGER NOT NULL) STRICT;
  CREATE INDEX tokens_of_tenants ON tokens (tenant);
  PRAGMA user_version = 1;
  COMMIT;
)";

std::string_view kind_name(RuleKind kind) {
  switch (kind) {
    case RuleKind::cgroup: return "cgroup";
    case RuleKind::uid: return "uid";
    case RuleKind::gid: return "gid";
  }
  return "";
}

Result<RuleKind> parse_kind(std::string_view name) {
  for (const RuleKind kind : {RuleKind::cgroup, RuleKind::uid, RuleKind::gid})
    if (kind_name(kind) == name) return kind;
  return Status(Code::internal, "the registry holds a rule of an unknown kind");
}

Result<TenantRecord> tenant_of(const Statement& row) {
  const auto priority_class = arbiter::parse_class(row.text(3));
  if (!priority_class) return Status(Code::internal, "the registry holds a tenant of an unknown class");
  TenantRecord record;
  record.name = row.text(0);
  record.terms = {MilliGpu{static_cast<std::uint32_t>(row.number(1))},
                  MilliGpu{static_cast<std::uint32_t>(row.number(2))}, *priority_class, row.number(4) != 0};
  record.memory_bytes = row.number(5);
  record.sessions_max = static_cast<std::uint32_t>(row.number(6));
  record.created_unix_ns = row.number(7);
  return record;
}

// By tenant.
Result<std::map<std::string, std::vector<Rule>>> read_rules(Database& database) {
  std::map<std::string, std::vector<Rule>> rules;
  auto rows = database.prepare("SELECT tenant, kind, id, path FROM rules");
  if (!rows.ok()) return rows.status();
  Statement& row = rows.value();
  for (auto more = row.step();; more = row.step()) {
    if (!more.ok()) return more.status();
    if (!more.value()) return rules;
    const auto kind = parse_kind(row.text(1));
    if (!kind.ok()) return kind.status();
    rules[row.text(0)].push_back({kind.value(), static_cast<std::uint32_t>(row.number(2)), row.text(3)});
  }
}

Status remove(Database& database, std::string_view sql, const std::string& key) {
  auto statement = database.prepare(sql);
  return statement.ok() ? statement.value().bind(1, key).run() : statement.status();
}

Status insert_token(Database& database, const TokenRecord& record) {
  auto insert = database.prepare("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  Statement& row = insert.value();
  row.bind(1, record.id).bind(2, record.tenant).bind_bytes(3, record.hash).bind(4, record.label);
  return row.bind(5, record.created_unix_ns).run();
}

Status insert_rule(Database& database, const std::string& tenant, const Rule& rule) {
  auto insert = database.prepare("INSERT INTO rules VALUES (?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert.value().bind(1, tenant).bind(2, kind_name(rule.kind)).bind(3, rule.id).bind(4, rule.path).run();
}

}  // namespace

Result<Registry> Registry::open(const std::string& path) {
  auto database = Database::open(path);
  if (!database.ok()) return database.status();
  Registry registry(database.take());
  Status read = registry.make_schema();
  if (read.ok()) read = registry.read_all();
  if (!read.ok()) return Status(read.code(), "cannot use " + path + ": " + read.message());
  return registry;
}

Status Registry::make_schema() {
  auto asked = database_.prepare("PRAGMA user_version");
  if (!asked.ok()) return asked.status();
  const auto row = asked.value().step();
  if (!row.ok()) return row.status();
  const std::uint64_t found = asked.value().number(0);
  (void)asked.value().step();  // to its end: a statement that is not done would hold the transaction
  if (found == schema_version) return Status();
  if (found == 0) return database_.execute(schema);
  return Status(Code::unsupported, "a newer Sluice wrote it (version " + std::to_string(found) +
                                       " of its tables, this one knows " + std::to_string(schema_version) +
                                       "); run that Sluice, or move the file away");
}

Status Registry::read_all() {
  const Status tenants = read_tenants();
  return tenants.ok() ? read_tokens() : tenants;
}

Status Registry::read_tenants() {
  auto rules = read_rules(database_);
  if (!rules.ok()) return rules.status();
  auto rows = database_.prepare(
      "SELECT name, guarantee_milli, cap_milli, class, suspended, memory_bytes, sessions_max, created_unix_ns "
      "FROM tenants");
  if (!rows.ok()) return rows.status();
  for (auto more = rows.value().step();; more = rows.value().step()) {
    if (!more.ok()) return more.status();
    if (!more.value()) return Status();
    auto record = tenant_of(rows.value());
    if (!record.ok()) return record.status();
    record.value().rules = std::move(rules.value()[record.value().name]);
    if (Status put = list_.apply(PutTenant{record.take()}); !put.ok()) return put;
  }
}

Status Registry::read_tokens() {
  auto rows = database_.prepare("SELECT id, hash, tenant, label, created_unix_ns FROM tokens");
  if (!rows.ok()) return rows.status();
  Statement& row = rows.value();
  for (auto more = row.step();; more = row.step()) {
    if (!more.ok()) return more.status();
    if (!more.value()) return Status();
    const TokenRecord token{row.text(0), row.text(1), row.text(2), row.text(3), row.number(4)};
    if (Status put = list_.apply(PutToken{token}); !put.ok()) return put;
  }
}

Status Registry::commit(std::span<const Change> changes) {
  TenantList after = list_;
  for (const Change& change : changes)
    if (Status fits = after.apply(change); !fits.ok()) return fits;
  Status written = database_.execute("BEGIN IMMEDIATE");
  for (const Change& change : changes)
    if (written.ok()) written = write(change);
  if (written.ok()) written = database_.execute("COMMIT");
  if (!written.ok()) {
    (void)database_.execute("ROLLBACK");  // fails where nothing was begun
    return Status(written.code(), "the registry could not be written, and nothing has changed: " + written.message());
  }
  list_ = std::move(after);
  return Status();
}

Status Registry::write(const Change& change) {
  if (const auto* tenant = std::get_if<PutTenant>(&change)) return write(tenant->record);
  if (const auto* tenant = std::get_if<RemoveTenant>(&change))
    return remove(database_, "DELETE FROM tenants WHERE name = ?", tenant->name);
  if (const auto* token = std::get_if<PutToken>(&change)) return insert_token(database_, token->record);
  return remove(database_, "DELETE FROM tokens WHERE id = ?", std::get<RemoveToken>(change).id);
}

Status Registry::write(const TenantRecord& given) {
  TenantRecord record = given;
  tidy(record);
  // Not REPLACE, which deletes the row, and with it the tenant's tokens.
  auto upsert = database_.prepare(
      "INSERT INTO tenants VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO UPDATE SET "
      "guarantee_milli = ?2, cap_milli = ?3, class = ?4, suspended = ?5, memory_bytes = ?6, sessions_max = ?7, "
      "created_unix_ns = ?8");
  if (!upsert.ok()) return upsert.status();
  Statement& row = upsert.value();
  row.bind(1, record.name).bind(2, record.terms.guarantee.value).bind(3, record.terms.cap.value);
  row.bind(4, arbiter::class_name(record.terms.priority_class)).bind(5, record.terms.suspended ? 1 : 0);
  row.bind(6, record.memory_bytes).bind(7, record.sessions_max).bind(8, record.created_unix_ns);
  Status written = row.run();
  if (written.ok()) written = remove(database_, "DELETE FROM rules WHERE tenant = ?", record.name);
  for (const Rule& rule : record.rules)
    if (written.ok()) written = insert_rule(database_, record.name, rule);
  return written;
}

}  // namespace sluice::store
