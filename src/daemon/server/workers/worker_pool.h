// WorkerPool: starts workers for each device ahead of demand, reads their messages, and reaps them.
//
// A worker is starting, then ready, then taken for a session, and never goes back. One that fails before it is ready
// is tried again later and later, so that a broken driver costs nothing while it stays broken; the reason is kept for
// people. The pool knows nothing of tenants: it signals everything that matters to a session.
//
// What a worker sends is hostile. It is read one message at a time, in turn with everything else that the loop does;
// each kind is accepted once, in the state that it belongs to, and without descriptors. A worker that sends anything
// else is ended and not read again. What it sent is closed in the background: its sender can make that slow.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "daemon/server/runtime/blocking_tasks.h"
#include "daemon/server/runtime/event_loop.h"
#include "daemon/server/runtime/process.h"
#include "daemon/server/runtime/signal.h"
#include "daemon/server/workers/worker_launcher.h"
#include "daemon/server/workers/worker_log.h"
#include "daemon/sessions/worker_link.h"
#include "wire/transport/message_socket.h"

namespace sluice::server {

enum class WorkerState {
  starting,
  ready,
  attaching,
  serving,
  leaving,
  receiving,    // a session moves to it
  prepared,     // it has all of that session, and waits for the word
  taking_over,  // the word names it
  given_away,   // the word names another: it holds nothing any more, and must be gone soon
};

struct Worker {
  std::uint32_t number = 0;
  std::uint32_t device = 0;
  WorkerState state = WorkerState::starting;
  Process process;
  wire::MessageSocket link;
  std::optional<cgroups::WorkerCgroup> group;  // nothing: the pool does without
  std::unique_ptr<WorkerLog> log;
  unsigned uid = BlockingTasks::no_user;  // of the program that it serves
  Nanoseconds since_ns = 0;               // in this state
  bool said_ended = false;
  bool giving = false;         // was sent Give, and has not said Kept
  bool giving_before = false;  // the same of the daemon before: it may say Kept to this one
  bool exited = false;
  std::string end_reason;  // set once somebody knows why it ends
  Watch exit_watch, link_watch;
  Timer deadline;  // it is killed then

  void enter(WorkerState next) {
    state = next;
    since_ns = now_ns();
  }
};

class WorkerPool {
 public:
  struct Settings {
    std::uint32_t ready_per_device = 2;
    std::uint32_t starting_max = 2;  // at once, for one device: loading drivers costs processor time
    Nanoseconds start_ns_max = 30 * ns_per_s;
  };
  struct DeviceView {
    std::uint32_t ready = 0, starting = 0, serving = 0;
    std::string failure;         // why the last start failed; empty: it did not
    std::uint32_t failures = 0;  // in a row
    Nanoseconds retry_ns = 0;    // CLOCK_MONOTONIC of the next try; 0: none is planned
  };

  // A worker of this device could not be started, or ended without a session soon after it was ready; why.
  Signal<std::uint32_t, const std::string&> start_failed;
  // A worker that was given a session has ended, and nobody had told it to; how. `gone` follows.
  Signal<std::uint32_t, const std::string&> crashed;
  // What becomes of workers. Raised from the loop; handlers may call the pool.
  Signal<std::uint32_t> ready;  // a worker of this device waits to be taken
  // A worker that was given a session has mapped its memory and serves.
  Signal<Worker&> attached;
  // Of moves: the target waits for the word; it serves; the source serves on, and why.
  Signal<Worker&> prepared;
  Signal<Worker&, const MoveReport&> moved;
  Signal<Worker&, const std::string&> kept;
  // The worker holds nothing of its session any more, and leaves soon; why.
  Signal<Worker&, const std::string&> released;
  // The process of a worker that was given a session has ended; why. The worker is gone after this.
  Signal<Worker&, const std::string&> gone;

  // REQUIRES: all of these outlive the pool.
  WorkerPool(EventLoop& loop, const WorkerLauncher& launcher, BlockingTasks& tasks, Settings settings);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Numbers up to `last` are in use by others.
  void number_from(std::uint32_t last) { last_number_ = last; }
  // A number for a process that is no worker of the pool; none of the pool's gets it until it is given back.
  std::uint32_t lend_number();
  void return_number(std::uint32_t number) { lent_numbers_.erase(number); }
  // Begins to keep workers for the device.
  void serve(std::uint32_t device);
  // How many programs wait for a worker of the device, beyond the ones kept ready.
  void set_waiting(std::uint32_t device, std::uint32_t waiting);
  // The same of one more session that is to move there, or of one less.
  void move_waits(std::uint32_t device);
  void move_waits_no_more(std::uint32_t device) { --devices_[device].moves_waiting; }

  // Takes in a worker that was just started. Only serve() and tests call it.
  void begin(std::uint32_t number, std::uint32_t device, LaunchedWorker launched);
  // A ready worker, now attaching; null: there is none yet. A replacement is started soon.
  Worker* take(std::uint32_t device);

  // ---- moves (worker_link.h) ----
  // A worker that take() gave is sent Receive. Its time is the caller's to watch. Not ok: it could not be sent.
  Status receive(Worker& target, const SessionRecord& record, std::span<const int> fds);
  // It serves, and has answered to every Give before.
  static bool can_give(const Worker& source);
  // Is sent Give. REQUIRES: can_give(). Not ok: it could not be sent.
  Status give(Worker& source, std::span<const int> fds);
  // The word names the target from now on. Both have little time: to say Moved, and to be gone. REQUIRES: the target is
  // prepared.
  void commit(Worker& source, Worker& target);

  // Takes over a worker that serves a program of user `uid` already. `gives`: the daemon before had sent it Give.
  Result<Worker*> adopt(std::uint32_t number, std::uint32_t device, LaunchedWorker process, unsigned uid,
                        bool gives = false);
  // Bounds what it may take of the host for a session with such an arena (worker_groups.h).
  Status limit(Worker& worker, std::uint64_t arena_bytes, std::optional<std::uint32_t> milli_cores) const;
  // All that worker `number` leaves behind, as work to be run elsewhere.
  std::function<void()> removal(std::uint32_t number) const { return launcher_.removal(number); }
  // Ends the worker, for this reason unless there is one already. worker_gone follows.
  void end(Worker& worker, const std::string& reason);
  // The same, but the worker is told first, so that it can tell its program; it is killed if it does not leave.
  void dismiss(Worker& worker, const std::string& reason);
  // The worker's program is dead; the worker gives all back by itself. One that cannot be told is ended.
  void tell_program_gone(Worker& worker);

  DeviceView view(std::uint32_t device) const;
  std::size_t size() const { return workers_.size(); }
  // The user of the machine that the worker runs as.
  unsigned user_of(const Worker& worker) const { return launcher_.uid_of(worker.number); }
  // No new workers from now on; ends those there are.
  void shut_down();

 private:
  struct DeviceState {
    std::uint32_t waiting = 0, moves_waiting = 0;
    std::uint32_t failures = 0;
    Nanoseconds failed_ns = 0;  // last
    std::string failure;
    Nanoseconds retry_ns = 0;
    Timer retry, replacement;
  };
  void refill(std::uint32_t device);
  void replace_later(std::uint32_t device, Nanoseconds delay_ns);
  std::uint32_t next_number();
  void start_one(std::uint32_t device);
  std::unique_ptr<Worker> take_in(std::uint32_t number, std::uint32_t device, LaunchedWorker launched);
  Status watch(Worker& worker, UniqueFd log);
  bool on_readable(Worker& worker);
  void handle(Worker& worker, const WorkerMessage& message);
  static std::string plain_text(std::string text);
  bool handle_move(Worker& worker, const WorkerMessage& message);
  void now_ready(Worker& worker, const WorkerMessage& message);
  void session_released(Worker& worker);
  void break_off(Worker& worker, const std::string& why);
  void link_closed(Worker& worker);
  void clear_away(std::unique_ptr<Worker> worker);
  void exited(Worker& worker);
  void end_session(Worker& worker, const std::string& how, const std::string& reason);
  void note_failure(std::uint32_t device, const std::string& reason);

  EventLoop& loop_;
  const WorkerLauncher& launcher_;
  BlockingTasks& tasks_;
  Settings settings_;
  std::map<std::uint32_t, DeviceState> devices_;
  LineQuota log_quota_{WorkerLog::lines_of_all_per_window, WorkerLog::window_ns};
  std::map<std::uint32_t, std::unique_ptr<Worker>> workers_;  // by number
  std::uint32_t last_number_ = 0;
  std::set<std::uint32_t> lent_numbers_;
  bool shutting_down_ = false;
};

}  // namespace sluice::server
