// SessionMove: moves one session to a worker of another device, while its program runs (worker_link.h, move_page.h).
//
//   waiting   for a ready worker of the device
//   copying   the target was sent Receive, the source Give; the session is the source's
//   switched  the word names the target: the session is its own, and the source is to leave
//   undone    the session stays where it is, and the target is ended
//
// The session's books, its lease and its memory's grant change sides at the commit, in one step on this thread. Until
// then whatever fails leaves the session on its source; after it, on its target. Both workers' notes name the move, so
// that a daemon that comes after this one knows that one of two has the session.
//
// Workers are hostile: what they say is taken where it belongs (WorkerPool), each step has a deadline, and only this
// object's own commit() of the word counts.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "daemon/server/cache/tenant_cache.h"
#include "daemon/server/devices/device_pool.h"
#include "daemon/server/runtime/runtime_folder.h"
#include "daemon/server/sessions/session_table.h"
#include "daemon/sessions/move_page.h"

namespace sluice::server {

// What a move works with.
struct MoveTools {
  EventLoop& loop;
  const RuntimeFolder& folder;
  TenantCache& cache;
  const DevicePool& devices;
  WorkerPool& pool;
  SessionTable& sessions;
  MemoryGrants& grants;
  FenceSet without;
};

struct MoveProgress {
  MoveStage stage = MoveStage::asked;
  std::uint64_t bytes_sent = 0, bytes_known = 0;  // the source's word, for people
};

// Could this session be moved now, as far as it is known without asking its worker? The message says why not.
Status check_movable(const LiveSession& session);

class SessionMove {
 public:
  static constexpr Nanoseconds move_ns_max = 10 * ns_per_s;  // until the commit
  static constexpr Nanoseconds kick_pause_ns = ns_per_ms;    // the target's requests are heard no more often

  // Not ok: why the session stays where it was, or ended; not_found: it ended by itself. Ok: it was moved.
  using Done = std::function<void(const Status& status, const MoveReport& report)>;

  // Begins at once. `done` is called once, from the loop, and may destroy the move. `number`: no other move's.
  // REQUIRES: the tools outlive the move; the session exists, and its slice is booked on the device.
  SessionMove(const MoveTools& tools, std::uint64_t number, std::uint64_t session_id, std::uint32_t device, Done done);
  ~SessionMove();
  SessionMove(const SessionMove&) = delete;
  SessionMove& operator=(const SessionMove&) = delete;

  std::uint64_t session_id() const { return target_.id.session_id; }
  MoveProgress progress() const;

  // ---- what becomes of workers; other moves' are ignored ----
  void worker_ready(std::uint32_t device);
  void worker_prepared(Worker& worker);
  void worker_moved(Worker& worker, const MoveReport& report);
  void worker_kept(Worker& worker, const std::string& why);
  // Before the session's table learns of it.
  void worker_released(Worker& worker, const std::string& why);
  void worker_gone(Worker& worker, const std::string& why);

 private:
  enum class State { waiting, copying, switched, undone, finished };

  Status begin();
  Status make_target(const LiveSession& session);
  Status write_notes(const LiveSession& session) const;
  DeviceIdentity identity_on(std::uint32_t device) const;
  void note_stayed(const LiveSession& session) const;
  SessionRecord target_record(const LiveSession& session) const;
  Status limit(const LiveSession& session) const;
  Status send_receive(const LiveSession& session, int checkpoint) const;
  Status send_give(int checkpoint) const;
  Status commit();
  void listen_to_kicks();
  void kicked();
  void out_of_time();
  void undo(const Status& why);
  void finish_if_over();
  void finish();

  MoveTools tools_;
  std::uint64_t number_;
  std::uint32_t device_;
  Done done_;
  State state_ = State::waiting;
  Worker* source_ = nullptr;  // null: not asked yet, or gone
  TargetBinding target_;      // its worker null: none yet, or gone
  bool target_has_grant_ = false;
  std::optional<MoveWord> word_;
  bool moved_ = false;
  Status status_;
  MoveReport report_;
  Timer deadline_, next_kicks_, finish_;
  Watch kicks_;
};

}  // namespace sluice::server
