// TenantAdmin: the verbs of the admin protocol that change tenants (docs/ADMIN-PROTOCOL.md).
//
// Whatever could refuse a change is asked before anything is stored; what was stored holds for running sessions before
// the answer is given; each change leaves a line in the log.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "daemon/server/admin/tenant_changes.h"
#include "daemon/server/runtime/signal.h"
#include "daemon/server/sessions/session_opener.h"
#include "daemon/server/sessions/session_table.h"
#include "daemon/server/tenants/slice_table.h"
#include "daemon/server/workers/worker_pool.h"
#include "daemon/store/registry.h"

namespace sluice::server {

class TenantAdmin {
 public:
  Signal<std::uint64_t> removed;  // a tenant of this id is not registered any more

  // REQUIRES: all of these outlive the admin. `defaults`: of a tenant that is created without saying more.
  TenantAdmin(store::Registry& registry, SliceTable& slices, const SessionTable& sessions, WorkerPool& pool,
              SessionOpener& opener, store::TenantRecord defaults)
      : registry_(registry),
        slices_(slices),
        sessions_(sessions),
        pool_(pool),
        opener_(opener),
        defaults_(std::move(defaults)) {}

  static bool knows(const std::string& verb);
  static std::string verbs();  // "a, b and c"

  // Changes are taken from now on: it is known who is in use.
  void open() { open_ = true; }

  // REQUIRES: knows(verb).
  Result<nlohmann::json> answer(const std::string& verb, const nlohmann::json& request);

  // ---- one verb each ----
  Result<nlohmann::json> create(const nlohmann::json& request);
  Result<nlohmann::json> list(const nlohmann::json& request);
  Result<nlohmann::json> show(const nlohmann::json& request);
  Result<nlohmann::json> set(const nlohmann::json& request);
  Result<nlohmann::json> suspend(const nlohmann::json& request);
  Result<nlohmann::json> resume(const nlohmann::json& request);
  Result<nlohmann::json> remove(const nlohmann::json& request);
  Result<nlohmann::json> apply(const nlohmann::json& request);
  Result<nlohmann::json> create_token(const nlohmann::json& request);
  Result<nlohmann::json> list_tokens(const nlohmann::json& request);
  Result<nlohmann::json> revoke_token(const nlohmann::json& request);

 private:
  Result<nlohmann::json> set_suspended(const nlohmann::json& request, bool suspended);
  // Good until the next change of the registry.
  Result<const store::TenantRecord*> named(const nlohmann::json& request, const char* key) const;
  const Tenant* live(const store::TenantRecord& tenant) const;  // null: it has no sessions
  Result<std::vector<store::TenantRecord>> wanted_by(const nlohmann::json& request) const;
  Status check(const std::vector<Step>& steps) const;
  nlohmann::json view_of(const store::TenantRecord& tenant) const;
  Status check(const Step& step) const;
  Status carry_out(const std::vector<Step>& steps);
  void end_sessions(const Tenant& tenant);

  store::Registry& registry_;
  SliceTable& slices_;
  const SessionTable& sessions_;
  WorkerPool& pool_;
  SessionOpener& opener_;
  store::TenantRecord defaults_;
  bool open_ = false;
};

}  // namespace sluice::server
