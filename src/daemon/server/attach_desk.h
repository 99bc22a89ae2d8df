// AttachDesk: turns a caller into a session.
//
// A user or a tenant that asks too often is refused; those who wait for a worker are served by AttachTurns.
// A caller asks; it is admitted to a seat or refused; it waits for a ready worker of its slice's device; the worker is
// given the session's memory; once the worker serves, the caller gets its answer. Whoever dies in between, the seat is
// given back. All of it within attach_ns_max.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "daemon/server/attach_turns.h"
#include "daemon/server/device_pool.h"
#include "daemon/server/reception.h"
#include "daemon/server/refusal_log.h"
#include "daemon/server/runtime_folder.h"
#include "daemon/server/seats.h"
#include "daemon/server/session_table.h"
#include "daemon/server/tenant_cache.h"
#include "daemon/server/tenant_socket.h"
#include "daemon/server/worker_pool.h"

namespace sluice::server {

class AttachDesk final : public CallerListener {
 public:
  static constexpr Nanoseconds attach_ns_max = 10 * ns_per_s;
  static constexpr std::uint32_t burst_s = 4;  // a user or tenant may ask at once as often as in so many seconds

  struct Settings {
    std::uint32_t attach_per_s = 50;  // of one user, and of one tenant, in the long run
    std::uint32_t workers_ready = 2;  // that are kept of each device
  };

  // REQUIRES: all of these outlive the desk.
  AttachDesk(EventLoop& loop, const RuntimeFolder& folder, TenantCache& cache, const DevicePool& devices,
             Reception& reception, Seats& seats, WorkerPool& pool, SessionTable& sessions, TenantSocket& tenant_socket,
             FenceSet without, Settings settings)
      : loop_(loop),
        folder_(folder),
        cache_(cache),
        devices_(devices),
        reception_(reception),
        seats_(seats),
        pool_(pool),
        sessions_(sessions),
        tenant_socket_(tenant_socket),
        without_(without),
        of_users_(settings.attach_per_s, burst_s * settings.attach_per_s),
        of_tenants_(settings.attach_per_s, burst_s * settings.attach_per_s),
        turns_(settings.workers_ready > 1) {}

  void caller_asks(Caller& caller) override;
  void caller_left(Caller& caller) override;
  // Refuses the tenant's callers that still wait for a worker.
  void turn_away(const Tenant& tenant, const Status& why);

  void worker_ready(std::uint32_t device);
  void worker_attached(Worker& worker);
  // Holds nothing of its session any more, and is about to leave.
  void worker_released(Worker& worker, const std::string& reason);
  void worker_gone(Worker& worker, const std::string& reason);

 private:
  struct Waiting {
    Caller* caller = nullptr;
    Seat seat;
  };
  // A session on its way: the worker has it, the caller has no answer yet.
  struct Attaching {
    Caller* caller = nullptr;  // null: it has left
    Session* session = nullptr;
    wire::MessageSocket program_end;
    UniqueFd output;  // what the worker prints comes out here
  };
  // Handed to the worker, and not kept.
  struct WorkerEnds {
    wire::MessageSocket session;
    UniqueFd output;
  };
  std::uint32_t device_of(const Seat& seat) const { return seat.tenant->slice.device; }
  Result<Seat> admit(Caller& caller);
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
  Reception& reception_;
  Seats& seats_;
  WorkerPool& pool_;
  SessionTable& sessions_;
  TenantSocket& tenant_socket_;
  FenceSet without_;
  std::map<std::uint32_t, std::deque<Waiting>> waiting_;  // by device, the first come first
  std::map<std::uint32_t, Attaching> attaching_;          // by worker number
  std::map<std::uint32_t, std::uint64_t> leaving_;        // by worker number: the tenant's id
  TokenBuckets of_users_, of_tenants_;
  AttachTurns turns_;
  RefusalLog refusals_;
};

}  // namespace sluice::server
