// SessionOpener: turns a caller into a session.
//
// A caller asks. It is refused, or admitted to its tenant's slice; then it waits for a ready worker of the slice's
// device. The worker gets the session's memory, and the caller its answer once the worker serves. If the caller or the
// worker dies in between, the slice is released. All of this takes attach_ns_max at most. A user or a tenant that asks
// too often is refused; AttachTurns orders the callers that wait for a worker.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "daemon/server/cache/tenant_cache.h"
#include "daemon/server/devices/device_pool.h"
#include "daemon/server/front/identification.h"
#include "daemon/server/front/refusal_log.h"
#include "daemon/server/front/tenant_listener.h"
#include "daemon/server/runtime/runtime_folder.h"
#include "daemon/server/sessions/attach_turns.h"
#include "daemon/server/sessions/session_table.h"
#include "daemon/server/tenants/slice_table.h"
#include "daemon/server/workers/worker_pool.h"

namespace sluice::server {

class SessionOpener {
 public:
  static constexpr Nanoseconds attach_ns_max = 10 * ns_per_s;
  static constexpr std::uint32_t burst_s = 4;  // a user or tenant may ask at once as often as in so many seconds

  struct Settings {
    std::uint32_t attach_per_s = 50;  // of one user, and of one tenant, in the long run
    std::uint32_t workers_ready = 2;  // that are kept of each device
  };

  // REQUIRES: all of these outlive this object.
  SessionOpener(EventLoop& loop, const RuntimeFolder& folder, TenantCache& cache, const DevicePool& devices,
                Identification& identification, SliceTable& slices, WorkerPool& pool, SessionTable& sessions,
                TenantListener& tenant_listener, FenceSet without, Settings settings)
      : loop_(loop),
        folder_(folder),
        cache_(cache),
        devices_(devices),
        identification_(identification),
        slices_(slices),
        pool_(pool),
        sessions_(sessions),
        tenant_listener_(tenant_listener),
        without_(without),
        of_users_(settings.attach_per_s, burst_s * settings.attach_per_s),
        of_tenants_(settings.attach_per_s, burst_s * settings.attach_per_s),
        turns_(settings.workers_ready > 1) {}

  void caller_asks(Caller& caller);
  void caller_left(Caller& caller);
  // Refuses the tenant's callers that still wait for a worker.
  void refuse_waiting(const Tenant& tenant, const Status& why);

  void worker_ready(std::uint32_t device);
  void worker_attached(Worker& worker);
  // Holds nothing of its session any more, and is about to leave.
  void worker_released(Worker& worker, const std::string& reason);
  void worker_gone(Worker& worker, const std::string& reason);

 private:
  struct Waiting {
    Caller* caller = nullptr;
    SliceUse use;
  };
  // A session on its way: the worker has it, the caller has no answer yet.
  struct Attaching {
    Caller* caller = nullptr;  // null: it has left
    LiveSession* session = nullptr;
    wire::MessageSocket program_end;
    UniqueFd output;  // what the worker prints comes out here
  };
  // Handed to the worker. Of these the output alone is kept, for a worker that the session moves to.
  struct WorkerEnds {
    wire::MessageSocket session;
    UniqueFd output;
  };
  std::uint32_t device_of(const SliceUse& use) const { return use.device; }
  Result<SliceUse> admit(Caller& caller);
  void serve_waiting(std::uint32_t device);
  std::deque<Waiting>::iterator next_of(std::deque<Waiting>& queue, std::uint32_t device);
  std::size_t busy(std::uint64_t tenant) const;
  void end_session(Worker& worker, const std::string& reason);
  void tell_waiting(std::uint32_t device);
  // unavailable: that worker had died. Anything else: it cannot be done for this caller.
  Status give(const Waiting& waiting, Worker& worker);
  SessionRecord record_for(const Waiting& waiting, const Worker& worker);
  Status send_session(const SessionRecord& record, Worker& worker, const SessionMemory& memory,
                      const WorkerEnds& worker_ends);
  void out_of_time(Caller& caller);
  void refuse(Caller& caller, const Status& why);

  EventLoop& loop_;
  const RuntimeFolder& folder_;
  TenantCache& cache_;
  const DevicePool& devices_;
  Identification& identification_;
  SliceTable& slices_;
  WorkerPool& pool_;
  SessionTable& sessions_;
  TenantListener& tenant_listener_;
  FenceSet without_;
  std::map<std::uint32_t, std::deque<Waiting>> waiting_;  // by device, the first come first
  std::map<std::uint32_t, Attaching> attaching_;          // by worker number
  std::map<std::uint32_t, std::uint64_t> leaving_;        // by worker number: the tenant's id
  TokenBuckets of_users_, of_tenants_;
  AttachTurns turns_;
  RefusalLog refusals_;
};

}  // namespace sluice::server
