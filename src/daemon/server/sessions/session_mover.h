// SessionMover: moves a tenant's slice from one device to another: its sessions, one after another (session_move.h).
//
// The slice is booked on both devices until the last session has moved. If a session cannot be moved, or its move
// fails, the rest stays, and so do both bookings, for as long as there are sessions on both devices.
//
// Tenants' slices move independently of each other. Only the daemon's one thread uses this.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/server/sessions/session_move.h"
#include "daemon/server/tenants/slice_table.h"

namespace sluice::server {

// One slice's move, as people are told.
struct MoveView {
  struct Moved {
    std::uint64_t session_id = 0;
    MoveReport report;
  };
  std::uint64_t number = 0;
  std::string tenant;
  std::uint32_t from = 0, to = 0;
  bool done = false;
  std::vector<Moved> moved;
  std::uint64_t current = 0;  // the session that moves now; 0: none
  MoveProgress progress;      // of that one
  std::uint64_t failed = 0;   // the session that did not move; 0: none failed
  std::string failure;        // why
  bool on_both = false;       // once it is done: sessions are left where they were, and some are not
};

class SessionMover {
 public:
  static constexpr std::size_t done_kept_max = 64;

  // REQUIRES: all of these, and the tools, outlive the mover.
  SessionMover(const MoveTools& tools, SliceTable& slices) : tools_(tools), slices_(slices) {}

  // Could start() be called now? Else why not, for people:
  //   not_found         no such session or device
  //   invalid_argument  the device is the session's own, or its slice moves already, or it is on two others
  //   unsupported       the session cannot be moved at all, or not to a device of that class
  //   unavailable       not now
  //   exhausted         the device has no room for the slice
  Status check(std::uint64_t session_id, std::uint32_t device) const;
  // Moves the session and after it the others of its tenant on its device. Returns the number of the move. Not ok:
  // nothing has happened, but that the reason is kept with the session.
  Result<std::uint64_t> start(std::uint64_t session_id, std::uint32_t device);
  // Of a move that runs, or is one of the last that are done. Nothing: it is not known.
  std::optional<MoveView> find(std::uint64_t number) const;
  // The sessions that start() would move, in that order. REQUIRES: there is such a session.
  std::vector<std::uint64_t> sessions_with(std::uint64_t session_id) const;

  // What becomes of workers, before anybody else learns of it.
  void worker_ready(std::uint32_t device);
  void worker_prepared(Worker& worker);
  void worker_moved(Worker& worker, const MoveReport& report);
  void worker_kept(Worker& worker, const std::string& why);
  void worker_released(Worker& worker, const std::string& why);
  void worker_gone(Worker& worker, const std::string& why);

 private:
  struct SliceMove {
    MoveView view;
    std::uint64_t tenant_id = 0;
    std::uint64_t booking = 0;  // SliceTable::begin_move()'s
    std::unique_ptr<SessionMove> session;
  };
  Status check(const LiveSession& session, std::uint32_t device) const;
  void move_next(SliceMove& slice, std::uint64_t session_id);
  void session_done(std::uint64_t number, std::uint64_t session_id, const Status& status, const MoveReport& report);
  void fail(SliceMove& slice, std::uint64_t session_id, const Status& why);
  void end(SliceMove& slice);
  std::uint64_t next_session(const SliceMove& slice) const;

  MoveTools tools_;
  SliceTable& slices_;
  std::map<std::uint64_t, SliceMove> moves_;  // by number
  std::deque<MoveView> done_;                 // the latest first
  std::uint64_t last_number_ = 0;
};

}  // namespace sluice::server
