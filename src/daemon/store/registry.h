// Registry: the durable list of tenants, in SQLite, with all of it in memory as well.
//
// Reading never touches the disk. A change is one transaction and is on the disk before commit() returns: whatever
// dies at whatever moment, the registry found afterwards is the one before the change or the one after it. Changes of
// ad-hoc tenants alone, which programs cause, do not wait for the disk: only the machine's death can undo them.
//
// Not thread-safe. The file belongs to one process at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "daemon/store/database.h"
#include "daemon/store/tenant_list.h"

namespace sluice::store {

class Registry {
 public:
  // Opens `path`, and makes it if it is missing.
  //   unavailable  another process has it
  //   unsupported  a newer Sluice wrote it
  //   internal     it is damaged, or makes no sense
  static Result<Registry> open(const std::string& path);

  const TenantList& list() const { return list_; }
  // A random number of this registry: ids of tenants mean something together with it alone.
  std::uint64_t pool_id() const { return pool_id_; }

  // All of the changes or, with the reason why not, none.
  Status commit(std::span<const Change> changes);
  Status commit(const Change& change) { return commit(std::span(&change, 1)); }

 private:
  explicit Registry(Database database) : database_(std::move(database)) {}
  Status make_schema();
  Status read_all();
  Status read_tenants();
  Status read_tokens();
  Status read_ad_hoc();
  Status read_numbers();
  Status write(std::span<const Change> changes, std::uint64_t next_id);
  Status write(const Change& change);
  Status write(const TenantRecord& record);
  Status write_next_id(std::uint64_t id);

  Database database_;
  TenantList list_;
  std::uint64_t pool_id_ = 0;
};

}  // namespace sluice::store
