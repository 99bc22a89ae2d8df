// Server: the daemon, put together. It starts in steps, each of which ends in the loop: look for devices, take over
// the sessions of a daemon before, keep workers, let programs in.
//
// One thread, beside the LeaseScheduler's and BlockingTasks's. run() returns once the server has stopped, with the
// process's exit code.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "daemon/server/admin/admin_listener.h"
#include "daemon/server/admin/admin_views.h"
#include "daemon/server/admin/tenant_admin.h"
#include "daemon/server/cache/cache_janitor.h"
#include "daemon/server/cache/tenant_cache.h"
#include "daemon/server/device_watch.h"
#include "daemon/server/devices/device_pool.h"
#include "daemon/server/devices/lease_scheduler.h"
#include "daemon/server/front/identification.h"
#include "daemon/server/front/tenant_listener.h"
#include "daemon/server/inventory.h"
#include "daemon/server/runtime/blocking_tasks.h"
#include "daemon/server/runtime/config.h"
#include "daemon/server/runtime/event_loop.h"
#include "daemon/server/runtime/runtime_folder.h"
#include "daemon/server/sessions/adoption.h"
#include "daemon/server/sessions/session_ids.h"
#include "daemon/server/sessions/session_mover.h"
#include "daemon/server/sessions/session_opener.h"
#include "daemon/server/sessions/session_table.h"
#include "daemon/server/tenants/slice_table.h"
#include "daemon/server/workers/worker_groups.h"
#include "daemon/server/workers/worker_launcher.h"
#include "daemon/server/workers/worker_pool.h"
#include "daemon/store/registry.h"

namespace sluice::server {

struct ServerOptions {
  Config config;
  PoolFolders folders;
  bool user_pool = false;                      // serves only its own user
  std::string worker_program, jailer_program;  // absolute
};

class Server {
 public:
  // Takes the runtime folder; nothing runs yet. Signals that are to stop the server (see stop_on) must be blocked
  // before the first thread of the process starts.
  static Result<std::unique_ptr<Server>> create(ServerOptions options);
  ~Server();

  // Stops cleanly when SIGTERM or SIGINT arrives; at once, when a second one does. SIGUSR1 ends the process and leaves
  // all sessions to the next daemon. REQUIRES: they are blocked.
  Status stop_on_signals();

  int run();

  // Asks a running server to stop, as the first signal does. From the loop only.
  void stop();

 private:
  Server(ServerOptions options, RuntimeFolder folder, WorkerGroups groups, store::Registry registry);

  void connect_signals();
  void connect_workers();
  void terms_changed(const Tenant& tenant);
  void limit(const LiveSession& session);
  Status start_leases();
  void look_for_devices();
  void devices_found(Result<std::vector<FoundDevice>> found);
  void remove_leftovers();
  Status take_over();
  void open_to_tenants();
  void fail(const Status& status);
  void signal_arrived();
  [[noreturn]] void hand_over();
  void stop_when_empty();
  Result<nlohmann::json> answer(const nlohmann::json& request);

  ServerOptions options_;
  RuntimeFolder folder_;
  EventLoop loop_;
  BlockingTasks tasks_;
  std::uint64_t started_unix_ns_;
  DevicePool devices_;
  SessionIds ids_;
  WorkerGroups groups_;
  WorkerLauncher launcher_;
  WorkerPool pool_;
  store::Registry registry_;
  TenantCache cache_;
  CacheJanitor janitor_;
  SliceTable slices_;
  MemoryGrants grants_;
  LeaseScheduler leases_;
  Identification identification_;
  SessionTable sessions_;
  SessionMover mover_;
  TenantListener tenant_listener_;
  SessionOpener opener_;
  Adoption adoption_;
  TenantAdmin tenant_admin_;
  AdminListener admin_;
  Inventory inventory_;
  DeviceWatch watch_;
  std::vector<LivingWorker> living_;
  std::uint32_t last_number_ = 0;
  UniqueFd signals_;
  Watch signals_watch_;
  Timer stop_check_, stop_deadline_;
  bool stopping_ = false;
  int exit_code_ = 0;
};

// The signals that stop a server.
void block_stop_signals();

}  // namespace sluice::server
