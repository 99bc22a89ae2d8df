// AttachedSession: everything that one attached program has in this worker, and the loop that serves it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "base/status.h"
#include "daemon/backends/backend.h"
#include "daemon/metering/meter_page.h"
#include "daemon/sessions/lease.h"
#include "daemon/sessions/memory_grant.h"
#include "daemon/sessions/session_record.h"
#include "daemon/worker/build_watch.h"
#include "daemon/worker/builder.h"
#include "daemon/worker/checkpoint/checkpoint.h"
#include "daemon/worker/checkpoint/writer.h"
#include "daemon/worker/command_path.h"
#include "daemon/worker/completions.h"
#include "daemon/worker/connection.h"
#include "daemon/worker/gate.h"
#include "daemon/worker/host_budget.h"
#include "daemon/worker/memory_account.h"
#include "daemon/worker/move/contents.h"
#include "wire/ring.h"

namespace sluice::worker {

// The bytes that the program says it copied itself, carried over into the meter page: a word to be bounded, not proof.
class HostCopies {
 public:
  HostCopies(const wire::ControlPage& control, metering::MeterPage& meter) : control_(control), meter_(meter) {}
  void carry_over();

  struct Seen {
    std::uint64_t in = 0, out = 0;
  };
  Seen seen() const { return {in_seen_, out_seen_}; }
  void go_on_from(const Seen& seen) { in_seen_ = seen.in, out_seen_ = seen.out; }

 private:
  const wire::ControlPage& control_;
  metering::MeterPage& meter_;
  std::uint64_t in_seen_ = 0, out_seen_ = 0;
};

// How a session comes to its worker.
enum class Arrival : std::uint8_t {
  begins,
  moves,  // another worker serves it until the move is committed: nothing that the program can see is touched before
};

class AttachedSession {
 public:
  struct Limits {
    HostLimits host;
    BuildLimits builds;
  };
  // `device` and what `pages` refers to outlive the session. REQUIRES: the regions are as large as the record says.
  AttachedSession(backend::Device& device, const SessionRecord& record, const Limits& limits, Connection connection,
                  const DaemonPages& pages, Arrival arrival = Arrival::begins);

  BuildWatch& builds() { return builds_; }

  // Serves until stop() or a fault, and says which. On the command thread.
  Status serve();

  // The program has gone: ends serve(), which gives back all that the session held. False if that was not done by
  // the deadline, or cannot be: a kernel still runs. From another thread.
  bool stop(Nanoseconds deadline_ns);

  // ---- moving away: on the command thread, but for visit() ----

  // Runs `what` on the command thread, between two commands, and waits until it has. False: the session ended, or
  // `deadline_ns` passed first. From one other thread at a time.
  bool visit(const std::function<void()>& what, Nanoseconds deadline_ns);
  // Its buffers do not lie in the arena.
  bool keeps_memory_elsewhere() const { return !device_.traits().buffers_in_arena; }
  // As Gate::bound_in_flight().
  bool bound_in_flight(Nanoseconds pending_ns_max) { return gate_.bound_in_flight(pending_ns_max); }
  bool is_building() { return !builder_.idle(); }
  std::vector<CheckpointObject> write_objects() const { return worker::write_objects(commands_->objects()); }
  // Waits until no command of it runs. deadline_exceeded: one still does. Nothing may be submitted meanwhile.
  Status rest(Nanoseconds deadline_ns);
  // All of it. REQUIRES: it rests since `rested_ns`, and nothing is being built.
  Checkpoint write_all(Nanoseconds rested_ns);
  ObjectTable& objects() { return commands_->objects(); }
  ContentCopier copier() { return ContentCopier(device_, completions_); }

  // ---- coming here: before serve() ----

  Restorer restorer() { return commands_->restorer(); }
  // What the restorer does not. unsupported: the arena lies elsewhere than before, which the program may rely on.
  Status resume(const Checkpoint& checkpoint);

  // ---- the daemon ----

  // The daemon is gone. From another thread.
  void lose_daemon() { gate_.set_daemon(false); }
  // There is one again, and its terms page lies where the one before did. From another thread.
  void follow_daemon();

 private:
  struct Visit {
    const std::function<void()>* what = nullptr;
    bool begun = false, done = false;
  };
  void receive_visitor();
  Status serve_one();
  Status serve_until_stopped();
  bool give_back();

  backend::Device& device_;
  const Connection connection_;
  const DaemonPages pages_;
  metering::MeterPage& meter_;
  MemoryHolder granted_;
  LeaseHolder lease_;
  wire::RingReader reader_;
  HostCopies host_copies_;
  bool arena_at_home_ = false;
  MemoryAccount account_;
  Gate gate_;
  BuildWatch builds_;
  Completions completions_;
  Builder builder_;
  std::unique_ptr<CommandPath> commands_;

  std::mutex visit_mutex_;
  std::condition_variable visit_changed_;
  Visit* visit_ = nullptr;  // guarded by visit_mutex_
  std::atomic<bool> has_visitor_{false};

  std::atomic<bool> stopping_{false};
  std::mutex stopped_mutex_;
  std::condition_variable stopped_changed_;
  bool stopped_ = false, given_back_ = false;  // guarded by stopped_mutex_
};

}  // namespace sluice::worker
