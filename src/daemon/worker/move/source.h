// MoveSource: gives this worker's session to another worker, while its program runs.
//
// On a thread of its own: it sends what objects there are, waits until the other worker has made them, and then has the
// command thread stop between two commands, send the rest, and wait for the word (daemon/sessions/move_page.h). A
// committed move ends this process at once; after anything else the session goes on here.
//
// Methods on the control thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/sessions/move_page.h"
#include "daemon/worker/move/stream.h"
#include "daemon/worker/session.h"

namespace sluice::worker {

class MoveSource {
 public:
  // `session` outlives this process's wish to leave. `session_socket`: the worker's end, which is handed on.
  MoveSource(AttachedSession& session, int session_socket);

  // Readable when a move was given up: see take_kept().
  int fd() const { return given_up_.get(); }
  // Why, once for each; nothing: none was.
  std::optional<std::string> take_kept();

  // Begins a move. `fds`: in the order of GiveFd. protocol_fault: they are not that, or one goes on.
  Status start(std::vector<UniqueFd> fds);

  // The session ends: a move that goes on is aborted. False: it was committed, and the session is not here any more.
  bool stop();

 private:
  struct Move {
    MoveWord word;
    MoveStream stream;
    Nanoseconds deadline_ns;
  };
  void run(Move& move);
  Status visit(const Move& move, const std::function<Status()>& what);
  Status slow_down(const Move& move);
  Status copy(Move& move);
  Status begin_round(Checkpoint& checkpoint, std::vector<ContentPiece>& pieces);
  Status send_objects(Move& move, const Checkpoint& checkpoint);
  Status send_contents(Move& move, const std::vector<ContentPiece>& pieces);
  Status send_piece(Move& move, const ContentPiece& piece, std::span<const std::byte> bytes);
  Status hand_over(Move& move);
  Status switch_over(Move& move);
  void give_up(Move& move, const Status& why);

  AttachedSession& session_;
  ContentCopier copier_;  // the command thread's
  const int session_socket_;
  UniqueFd given_up_;
  std::mutex mutex_;
  std::shared_ptr<Move> move_;  // guarded by mutex_, and so is what follows; null: none goes on
  std::optional<std::string> kept_;
};

}  // namespace sluice::worker
