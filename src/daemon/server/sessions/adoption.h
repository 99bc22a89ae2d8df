// Adoption: takes over the sessions of a daemon that died, from the workers that went on without it.
//
// The dead daemon's notes say which workers live and what each serves (runtime_folder.h). The daemon connects to the
// adoption socket of each, and the worker says what it serves. The daemon believes only what agrees with the notes and
// with the kernel's word about which process answered. It admits no program before all workers have answered or died,
// so that the books are whole; a worker that has not answered after patience_ns_max is ended.
//
// Of a session that was moving, both workers live: the source aborts and goes on, or leaves because the move was
// committed; the target leaves or takes over (move_page.h). The one that claims the session has it, and the other is
// ended.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "daemon/server/runtime/event_loop.h"
#include "daemon/server/runtime/runtime_folder.h"
#include "daemon/server/runtime/untrusted_socket.h"
#include "daemon/server/sessions/session_table.h"
#include "daemon/server/tenants/slice_table.h"
#include "daemon/server/workers/worker_pool.h"
#include "daemon/store/registry.h"

namespace sluice::server {

class Adoption {
 public:
  static constexpr Nanoseconds patience_ns_max = 10 * ns_per_s;
  static constexpr Nanoseconds retry_ns = 20 * ns_per_ms;
  static constexpr Nanoseconds idle_patience_ns_max = ns_per_s;  // for workers without a session: they leave

  // REQUIRES: all of these outlive the adoption.
  Adoption(EventLoop& loop, const RuntimeFolder& folder, BlockingTasks& tasks, SliceTable& slices, WorkerPool& pool,
           SessionTable& sessions, MemoryGrants& grants, const store::Registry& registry, const DevicePool& devices,
           FenceSet without)
      : loop_(loop),
        folder_(folder),
        tasks_(tasks),
        slices_(slices),
        pool_(pool),
        sessions_(sessions),
        grants_(grants),
        registry_(registry),
        devices_(devices),
        without_(without) {}
  Adoption(const Adoption&) = delete;
  Adoption& operator=(const Adoption&) = delete;

  // Calls `done` once, from the loop, or at once if nobody is expected.
  Status start(std::vector<LivingWorker> living, std::function<void()> done);
  // Ends all that have not been taken over.
  void give_up();

 private:
  struct Expected {
    LivingWorker worker;
    Watch exit_watch;
    Timer patience, again;
    wire::MessageSocket link;
    UniqueFd pidfd;  // of who answered
    Watch link_watch;
  };
  Status expect(LivingWorker living);
  void call_on(Expected& expected);
  Status connect_to(Expected& expected);
  bool has_moved_away(const Expected& expected) const;
  void reject_others(std::uint64_t session_id, std::uint32_t number);
  void on_readable(std::uint32_t number);
  Status check_device(const SessionNote& note) const;
  Status take_over(Expected& expected, std::vector<UniqueFd>& fds);
  void send_adopted(Worker& worker, const SessionNote& note, std::span<const int> fds);
  void reject(std::uint32_t number, const std::string& why);
  void forget(std::uint32_t number);
  void close_link(Expected& expected);
  void finish_if_done();

  EventLoop& loop_;
  const RuntimeFolder& folder_;
  BlockingTasks& tasks_;
  SliceTable& slices_;
  WorkerPool& pool_;
  SessionTable& sessions_;
  MemoryGrants& grants_;
  const store::Registry& registry_;
  const DevicePool& devices_;
  FenceSet without_;
  std::map<std::uint32_t, Expected> expected_;  // by worker number
  std::function<void()> done_;
};

}  // namespace sluice::server
