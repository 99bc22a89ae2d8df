#include "daemon/store/registry.h"

#include <algorithm>
#include <map>
#include <vector>

namespace sluice::store {
namespace {

constexpr std::uint64_t schema_version = 2;

// user_version says which schema a file has. Steps lead from each to the next; an empty file is of version 0.
// Version 1 knew tenants by name alone, and no ad-hoc ones.
constexpr const char* make_version_1 = R"(
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

// Foreign keys rest meanwhile: dropping the old table would take the rules and tokens with it.
constexpr const char* make_version_2 = R"(
  PRAGMA foreign_keys = OFF;
  BEGIN IMMEDIATE;
  CREATE TABLE tenants_with_ids (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, guarantee_milli INTEGER NOT NULL, cap_milli INTEGER NOT NULL,
    class TEXT NOT NULL, suspended INTEGER NOT NULL, memory_bytes INTEGER NOT NULL, sessions_max INTEGER NOT NULL,
    created_unix_ns INTEGER NOT NULL) STRICT;
  INSERT INTO tenants_with_ids
    SELECT row_number() OVER (ORDER BY created_unix_ns, name), name, guarantee_milli, cap_milli, class, suspended,
      memory_bytes, sessions_max, created_unix_ns FROM tenants;
  DROP TABLE tenants;
  ALTER TABLE tenants_with_ids RENAME TO tenants;
  CREATE TABLE ad_hoc_tenants (
    id INTEGER PRIMARY KEY, uid INTEGER NOT NULL, name TEXT NOT NULL, used_unix_ns INTEGER NOT NULL,
    UNIQUE (uid, name)) STRICT;
  CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  INSERT INTO numbers SELECT 'next_tenant_id', 1 + count(*) FROM tenants;
  INSERT INTO numbers VALUES ('pool_id', abs(random() / 2));
  PRAGMA user_version = 2;
  COMMIT;
  PRAGMA foreign_keys = ON;
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
  const auto priority_class = arbiter::parse_class(row.text(4));
  if (!priority_class) return Status(Code::internal, "the registry holds a tenant of an unknown class");
  TenantRecord record;
  record.id = row.number(0);
  record.name = row.text(1);
  record.terms = {MilliGpu{static_cast<std::uint32_t>(row.number(2))},
                  MilliGpu{static_cast<std::uint32_t>(row.number(3))}, *priority_class, row.number(5) != 0};
  record.memory_bytes = row.number(6);
  record.sessions_max = static_cast<std::uint32_t>(row.number(7));
  record.created_unix_ns = row.number(8);
  return record;
}

// By tenant.
Result<std::map<std::string, std::vector<Rule>>> read_rules(Database& database) {
  std::map<std::string, std::vector<Rule>> rules;
  Statement row = SLUICE_TRY(database.prepare("SELECT tenant, kind, id, path FROM rules"));
  while (SLUICE_TRY(row.step())) {
    const auto kind = SLUICE_TRY(parse_kind(row.text(1)));
    rules[row.text(0)].push_back({kind, static_cast<std::uint32_t>(row.number(2)), row.text(3)});
  }
  return rules;
}

Status remove(Database& database, std::string_view sql, const std::string& key) {
  Statement statement = SLUICE_TRY(database.prepare(sql));
  return statement.bind(1, key).run();
}

// The one number that the question has for an answer.
Result<std::uint64_t> read_number(Database& database, std::string_view question) {
  auto asked = SLUICE_TRY(database.prepare(question));
  const auto row = SLUICE_TRY(asked.step());
  if (!row) return Status(Code::internal, "the registry lacks a number");
  const std::uint64_t number = asked.number(0);
  (void)asked.step();  // to its end: a statement that is not done would hold the transaction
  return number;
}

Status put_ad_hoc(Database& database, const AdHocTenant& tenant) {
  Statement row = SLUICE_TRY(database.prepare(
      "INSERT INTO ad_hoc_tenants VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET used_unix_ns = ?4"));
  return row.bind(1, tenant.id).bind(2, tenant.uid).bind(3, tenant.name).bind(4, tenant.used_unix_ns).run();
}

Status remove_ad_hoc(Database& database, std::uint64_t id) {
  Statement statement = SLUICE_TRY(database.prepare("DELETE FROM ad_hoc_tenants WHERE id = ?"));
  return statement.bind(1, id).run();
}

Status insert_token(Database& database, const TokenRecord& record) {
  Statement row = SLUICE_TRY(database.prepare("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)"));
  row.bind(1, record.id).bind(2, record.tenant).bind_bytes(3, record.hash).bind(4, record.label);
  return row.bind(5, record.created_unix_ns).run();
}

Status insert_rule(Database& database, const std::string& tenant, const Rule& rule) {
  auto insert = SLUICE_TRY(database.prepare("INSERT INTO rules VALUES (?, ?, ?, ?)"));
  return insert.bind(1, tenant).bind(2, kind_name(rule.kind)).bind(3, rule.id).bind(4, rule.path).run();
}

// The change with the id that the list gave.
Change as_applied(const Change& change, const TenantList& after) {
  if (const auto* tenant = std::get_if<PutTenant>(&change)) return PutTenant{*after.find(tenant->record.name)};
  if (const auto* tenant = std::get_if<PutAdHoc>(&change))
    return PutAdHoc{*after.find_ad_hoc(tenant->tenant.uid, tenant->tenant.name)};
  return change;
}

}  // namespace

Result<Registry> Registry::open(const std::string& path) {
  Registry registry(SLUICE_TRY(Database::open(path)));
  Status read = registry.make_schema();
  if (read.ok()) read = registry.read_all();
  if (!read.ok()) return Status(read.code(), "cannot use " + path + ": " + read.message());
  return registry;
}

Status Registry::make_schema() {
  std::uint64_t version = SLUICE_TRY(read_number(database_, "PRAGMA user_version"));
  if (version > schema_version)
    return Status(Code::unsupported, "a newer Sluice wrote it (version " + std::to_string(version) +
                                         " of its tables, this one knows " + std::to_string(schema_version) +
                                         "); run that Sluice, or move the file away");
  for (const char* const step : {make_version_1, make_version_2})
    if (version == (step == make_version_1 ? 0 : 1)) {
      SLUICE_TRY(database_.execute(step));
      ++version;
    }
  return Status();
}

Status Registry::read_all() {
  SLUICE_TRY(read_tenants());
  SLUICE_TRY(read_tokens());
  SLUICE_TRY(read_ad_hoc());
  return read_numbers();
}

Status Registry::read_tenants() {
  auto rules = SLUICE_TRY(read_rules(database_));
  auto rows = SLUICE_TRY(database_.prepare(
      "SELECT id, name, guarantee_milli, cap_milli, class, suspended, memory_bytes, sessions_max, created_unix_ns "
      "FROM tenants ORDER BY id"));
  while (SLUICE_TRY(rows.step())) {
    auto record = SLUICE_TRY(tenant_of(rows));
    record.rules = std::move(rules[record.name]);
    SLUICE_TRY(list_.apply(PutTenant{std::move(record)}));
  }
  return Status();
}

Status Registry::read_tokens() {
  Statement row = SLUICE_TRY(database_.prepare("SELECT id, hash, tenant, label, created_unix_ns FROM tokens"));
  while (SLUICE_TRY(row.step())) {
    const TokenRecord token{row.text(0), row.text(1), row.text(2), row.text(3), row.number(4)};
    SLUICE_TRY(list_.apply(PutToken{token}));
  }
  return Status();
}

Status Registry::read_ad_hoc() {
  Statement row = SLUICE_TRY(database_.prepare("SELECT id, uid, name, used_unix_ns FROM ad_hoc_tenants ORDER BY id"));
  while (SLUICE_TRY(row.step())) {
    const AdHocTenant tenant{row.number(0), static_cast<std::uint32_t>(row.number(1)), row.text(2), row.number(3)};
    SLUICE_TRY(list_.apply(PutAdHoc{tenant}));
  }
  return Status();
}

Status Registry::read_numbers() {
  const auto next = SLUICE_TRY(read_number(database_, "SELECT value FROM numbers WHERE name = 'next_tenant_id'"));
  const auto pool = SLUICE_TRY(read_number(database_, "SELECT value FROM numbers WHERE name = 'pool_id'"));
  list_.skip_ids_below(next);
  pool_id_ = pool;
  return Status();
}

Status Registry::commit(std::span<const Change> changes) {
  TenantList after = list_;
  std::vector<Change> with_ids;
  for (const Change& change : changes) {
    SLUICE_TRY(after.apply(change));
    with_ids.push_back(as_applied(change, after));
  }
  const auto ad_hoc = [](const Change& change) {
    return std::holds_alternative<PutAdHoc>(change) || std::holds_alternative<RemoveAdHoc>(change);
  };
  // What tenants cause does not wait for the disk: it outlives this process at once, and the machine a little later.
  const bool at_ease = std::all_of(changes.begin(), changes.end(), ad_hoc);
  if (at_ease) (void)database_.execute("PRAGMA synchronous = NORMAL");
  const Status written = write(with_ids, after.next_id());
  if (at_ease) (void)database_.execute("PRAGMA synchronous = FULL");
  if (!written.ok())
    return Status(written.code(), "the registry could not be written, and nothing has changed: " + written.message());
  list_ = std::move(after);
  return Status();
}

Status Registry::write(std::span<const Change> changes, std::uint64_t next_id) {
  Status written = database_.execute("BEGIN IMMEDIATE");
  for (const Change& change : changes)
    if (written.ok()) written = write(change);
  if (written.ok() && next_id != list_.next_id()) written = write_next_id(next_id);
  if (written.ok()) written = database_.execute("COMMIT");
  if (!written.ok()) (void)database_.execute("ROLLBACK");  // fails where nothing was begun
  return written;
}

Status Registry::write_next_id(std::uint64_t id) {
  auto update = database_.prepare("UPDATE numbers SET value = ? WHERE name = 'next_tenant_id'");
  return update.ok() ? update.value().bind(1, id).run() : update.status();
}

Status Registry::write(const Change& change) {
  if (const auto* tenant = std::get_if<PutTenant>(&change)) return write(tenant->record);
  if (const auto* tenant = std::get_if<RemoveTenant>(&change))
    return remove(database_, "DELETE FROM tenants WHERE name = ?", tenant->name);
  if (const auto* token = std::get_if<PutToken>(&change)) return insert_token(database_, token->record);
  if (const auto* token = std::get_if<RemoveToken>(&change))
    return remove(database_, "DELETE FROM tokens WHERE id = ?", token->id);
  if (const auto* tenant = std::get_if<PutAdHoc>(&change)) return put_ad_hoc(database_, tenant->tenant);
  return remove_ad_hoc(database_, std::get<RemoveAdHoc>(change).id);
}

Status Registry::write(const TenantRecord& given) {
  TenantRecord record = given;
  tidy(record);
  // Not REPLACE, which deletes the row, and with it the tenant's tokens.
  Statement row = SLUICE_TRY(database_.prepare(
      "INSERT INTO tenants VALUES (?9, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET "
      "guarantee_milli = ?2, cap_milli = ?3, class = ?4, suspended = ?5, memory_bytes = ?6, sessions_max = ?7, "
      "created_unix_ns = ?8"));
  row.bind(1, record.name).bind(2, record.terms.guarantee.value).bind(3, record.terms.cap.value);
  row.bind(4, arbiter::class_name(record.terms.priority_class)).bind(5, record.terms.suspended ? 1 : 0);
  row.bind(6, record.memory_bytes).bind(7, record.sessions_max).bind(8, record.created_unix_ns);
  row.bind(9, record.id);
  Status written = row.run();
  if (written.ok()) written = remove(database_, "DELETE FROM rules WHERE tenant = ?", record.name);
  for (const Rule& rule : record.rules)
    if (written.ok()) written = insert_rule(database_, record.name, rule);
  return written;
}

}  // namespace sluice::store
