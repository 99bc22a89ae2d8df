// What the pool tells its owner, as JSON (docs/ADMIN-PROTOCOL.md). Sizes are bytes, times nanoseconds.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "daemon/server/devices/device_pool.h"
#include "daemon/server/sessions/session_table.h"
#include "daemon/server/tenants/slice_table.h"
#include "daemon/server/workers/worker_pool.h"

namespace sluice::server {

// All that can be looked at.
struct PoolView {
  const DevicePool& devices;
  const SliceTable& slices;
  const WorkerPool& workers;
  const SessionTable& sessions;
  const LeaseScheduler& leases;
  std::string runtime_dir;
  bool user_pool = false;
  std::uint64_t started_unix_ns = 0;
};

nlohmann::json status_view(const PoolView& pool);
nlohmann::json devices_view(const PoolView& pool);
struct SessionsWanted {
  bool ended = false;  // those that have ended, instead of those that live
  bool why = false;    // with what decides who runs: terms, state, waits
};
nlohmann::json sessions_view(const PoolView& pool, SessionsWanted wanted);

}  // namespace sluice::server
