// SessionTable: the sessions that live, and the last ones that ended.
//
// A session begins when a worker is given it, goes live when its program has been told so, and ends when its worker has
// given back all that it held, or is gone: then the meter is read a last time and the slice released. A program's
// death ends its worker.
//
// What each has been charged is noted in the runtime folder, once a second where it changed, so that the next daemon
// goes on from there if this one is killed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/metering/build_budget.h"
#include "daemon/metering/usage.h"
#include "daemon/server/devices/lease_scheduler.h"
#include "daemon/server/runtime/event_loop.h"
#include "daemon/server/runtime/runtime_folder.h"
#include "daemon/server/runtime/signal.h"
#include "daemon/server/runtime/wall_clock.h"
#include "daemon/server/sessions/memory_grants.h"
#include "daemon/server/sessions/session_ids.h"
#include "daemon/server/tenants/slice_table.h"
#include "daemon/server/workers/worker_pool.h"
#include "daemon/sessions/session_memory.h"

namespace sluice::server {

using metering::Usage;

// What serves a session on one device.
struct LiveBinding {
  BindingId id;
  Worker* worker = nullptr;
  metering::Account account;  // as it was noted last, or asked for
  Usage past;                 // of the session on devices that it moved away from
  std::optional<metering::BuildBudget> build_budget;
};

struct LiveSession {
  SessionRecord record;
  SliceUse use;
  SessionMemory memory;
  std::vector<LiveBinding> bindings;  // in the order of the record, as those of `memory` are
  std::string unmoved;                // why its last move did not come about; empty: it did, or there was none
  UniqueFd client;                    // a pidfd of the program
  Watch client_watch;
  Timer patience;
  bool live = false;  // the program has been told
};
// Of all its bindings together.
Usage usage_of(const LiveSession& session);

struct EndedSession {
  SessionRecord record;
  Usage usage;
  std::uint64_t ended_unix_ns = 0;
  std::string reason;
};

// A binding that a session may move to. Its worker has the session's memory, and the pages here.
struct TargetBinding {
  BindingId id;
  Worker* worker = nullptr;
  BindingMemory memory;
  metering::Account before;  // of its worker, when it was given the session
};

inline constexpr std::size_t ended_sessions_max = 100;

class SessionTable {
 public:
  // A session of the tenant with this id has begun, or has ended.
  Signal<std::uint64_t> began, ended;

  // REQUIRES: all of these outlive the table.
  // evidence: of a worker that is given a session. build_cpu_ns_max: of one build; nothing: the worker is believed.
  SessionTable(EventLoop& loop, BlockingTasks& tasks, const RuntimeFolder& folder, SliceTable& slices, WorkerPool& pool,
               SessionIds& ids, LeaseScheduler& leases, MemoryGrants& grants,
               std::function<Evidence(const Worker&)> evidence, std::optional<Nanoseconds> build_cpu_ns_max)
      : loop_(loop),
        tasks_(tasks),
        folder_(folder),
        slices_(slices),
        pool_(pool),
        ids_(ids),
        leases_(leases),
        grants_(grants),
        evidence_(std::move(evidence)),
        build_cpu_ns_max_(build_cpu_ns_max) {}

  std::uint64_t next_id() { return ids_.next(); }
  // The workers, one for each binding of the record, have been given the session. Not ok: it can have no lease, and is
  // not here.
  Result<LiveSession*> begin(const SessionRecord& record, const SliceUse& use, std::span<Worker* const> workers,
                             SessionMemory memory, UniqueFd client);
  // The program has been told. From now on its death ends the session.
  void go_live(LiveSession& session);
  // A session of an earlier daemon, whose books of it ended with `before`. REQUIRES: it has one binding.
  Status adopt(const SessionRecord& record, const SliceUse& use, Worker& worker, SessionMemory memory,
               const TermsPage& terms_before, const metering::Account& before, const Usage& past);

  // Null: there is no such session.
  LiveSession* find(std::uint64_t id);
  // What a worker that is given a session now has used: that is not the session's.
  metering::Account account_of(const Worker& worker) const;
  // Moves the session's one binding to `target`, if `commit` says true once all that could fail is done: its lease and
  // its memory, its books and its slice go on there. Not ok: it stays where it is. REQUIRES: MemoryGrants has the
  // target open as one.
  Status rebind(LiveSession& session, TargetBinding& target, const std::function<bool()>& commit);

  // Null: the worker serves none here.
  const LiveSession* of(const Worker& worker) const;
  // The worker has nothing of its session any more: that ends the session, and its other workers. Nothing happens if it
  // served no session here.
  void end(Worker& worker, const std::string& reason);

  // Sessions that ended while no daemon lived: they are in history() from now on.
  void remember_lost(const std::vector<LostSession>& lost);

  // Ends those that keep others waiting for longer than they may.
  void end_overdue();
  // Brings the account of every session up to now.
  void settle_books();

  // What the workers of this device's sessions have launched, by their word.
  std::uint64_t launches_on(std::uint32_t device) const;

  // The bytes of memory that the tenant's sessions hold.
  std::uint64_t held_by(const Tenant& tenant) const;

  const std::map<std::uint64_t, std::unique_ptr<LiveSession>>& live() const { return sessions_; }  // by id
  const std::deque<EndedSession>& history() const { return ended_; }                               // the latest first

 private:
  // What a binding begins with: nothing, or where an earlier daemon left it.
  struct Start {
    LeaseGrantor lease;
    std::optional<metering::Account> before;
    Usage past;
  };
  Result<LiveSession*> add(const SessionRecord& record, const SliceUse& use, std::span<Worker* const> workers,
                           SessionMemory memory, const std::vector<Start>& starts);
  Status open_lease(const LiveSession& session, const LiveBinding& binding, const BindingMemory& memory,
                    const Start& start);
  void begin_books(LiveBinding& binding);
  void close_binding(LiveBinding& binding);
  void dismiss(LiveSession& session, const std::string& reason);
  void watch_program(LiveSession& session);
  void find_program(LiveSession& session);
  void program_exited(LiveSession& session);
  void look_at_arenas();
  void look_at_arenas(const Tenant& tenant);
  void remember(const LiveSession& session, const std::string& reason);
  void settle(LiveBinding& binding);
  void note(const LiveBinding& binding);
  void check_builds();
  void keep_books();

  EventLoop& loop_;
  BlockingTasks& tasks_;
  const RuntimeFolder& folder_;
  SliceTable& slices_;
  WorkerPool& pool_;
  SessionIds& ids_;
  LeaseScheduler& leases_;
  MemoryGrants& grants_;
  std::function<Evidence(const Worker&)> evidence_;
  std::optional<Nanoseconds> build_cpu_ns_max_;
  Timer next_books_;
  bool note_failed_ = false;
  std::map<std::uint64_t, std::unique_ptr<LiveSession>> sessions_;
  std::deque<EndedSession> ended_;
  Timer arena_look_;
  Nanoseconds arena_wait_ns_ = 0;                                // from one look to the next
  std::uint64_t arena_bytes_seen_ = 0, arena_bytes_now_ = 0;     // of all sessions, at the last look and at this one
  std::map<std::uint64_t, Nanoseconds> arenas_exceed_since_ns_;  // by tenant id
};

// What a tenant is called at the LeaseScheduler.
std::string lease_key(const Tenant& tenant);

}  // namespace sluice::server
