// SessionTable: the sessions that live, and the last ones that ended.
//
// A session begins when a worker is given it, goes live when its program has been told so, and ends when its worker has
// given back all that it held, or is gone: then the meter is read a last time and the seat given back. A program's
// death ends its worker.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/metering/meter_page.h"
#include "daemon/server/event_loop.h"
#include "daemon/server/lease_desk.h"
#include "daemon/server/memory_grants.h"
#include "daemon/server/seats.h"
#include "daemon/server/session_ids.h"
#include "daemon/server/session_memory.h"
#include "daemon/server/worker_pool.h"
#include "daemon/sessions/worker_link.h"

namespace sluice::server {

// The meter page at one moment. Bytes count what the worker moved and what the program says it copied itself.
struct Usage {
  std::uint64_t device_ns = 0, launches = 0, commands = 0, failures = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t memory_bytes = 0, memory_peak_bytes = 0;
};
Usage read_meter(const metering::MeterPage& meter);

struct Session {
  SessionRecord record;
  Seat seat;
  Worker* worker = nullptr;
  SessionMemory memory;
  UniqueFd client;  // a pidfd of the program
  Watch client_watch;
  Timer patience;
  bool live = false;
};

struct EndedSession {
  SessionRecord record;
  Usage usage;
  std::uint64_t ended_unix_ns = 0;
  std::string reason;
};

inline constexpr std::size_t ended_sessions_max = 100;

class SessionTable {
 public:
  // REQUIRES: all of these outlive the table.
  SessionTable(EventLoop& loop, Aside& aside, Seats& seats, WorkerPool& pool, SessionIds& ids, LeaseDesk& leases,
               MemoryGrants& grants)
      : loop_(loop), aside_(aside), seats_(seats), pool_(pool), ids_(ids), leases_(leases), grants_(grants) {}

  std::uint64_t next_id() { return ids_.next(); }
  // The worker has been given the session. Not ok: it can have no lease, and is not here.
  Result<Session*> begin(const SessionRecord& record, const Seat& seat, Worker& worker, SessionMemory memory,
                         UniqueFd client);
  // The program has been told. From now on its death ends the session.
  void go_live(Session& session);
  // A session of an earlier daemon.
  Status adopt(const SessionRecord& record, const Seat& seat, Worker& worker, SessionMemory memory,
               const TermsPage& terms_before);
  // Null: the worker has none here.
  const Session* of(const Worker& worker) const;
  // The worker has nothing of it any more. Nothing happens if it had no session here.
  void end(Worker& worker, const std::string& reason);

  // Called when a session of the tenant has begun, and when one has ended.
  void on_use(std::function<void(std::uint64_t tenant_id, bool began)> listener) { used_ = std::move(listener); }

  // Ends those that keep others waiting for longer than they may.
  void end_overdue();

  // The bytes of memory that the tenant's sessions hold.
  std::uint64_t held_by(const Tenant& tenant) const;

  const std::map<std::uint64_t, std::unique_ptr<Session>>& live() const { return sessions_; }  // by id
  const std::deque<EndedSession>& ended() const { return ended_; }                             // the latest first

 private:
  Result<Session*> add(const SessionRecord& record, const Seat& seat, Worker& worker, SessionMemory memory,
                       LeaseGrantor lease);
  void watch_program(Session& session);
  void find_program(Session& session);
  void program_exited(Session& session);
  void remember(const Session& session, const std::string& reason);

  EventLoop& loop_;
  Aside& aside_;
  Seats& seats_;
  WorkerPool& pool_;
  SessionIds& ids_;
  LeaseDesk& leases_;
  MemoryGrants& grants_;
  std::function<void(std::uint64_t, bool)> used_ = [](std::uint64_t, bool) {};
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::deque<EndedSession> ended_;
};

// What a tenant is called at the LeaseDesk.
std::string lease_key(const Tenant& tenant);

std::uint64_t unix_now_ns();

}  // namespace sluice::server
