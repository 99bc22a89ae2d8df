// The target's side of a move: a session that another worker had, from the stream to the word. On the thread that will
// be the command thread's parent, before anything else runs.
#pragma once

#include <functional>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/sessions/move_page.h"
#include "daemon/sessions/worker_link.h"
#include "daemon/worker/move/stream.h"
#include "daemon/worker/session.h"

namespace sluice::worker {

// What came, once all of it is there and made.
struct Arrived {
  UniqueFd session_socket, output;
  MoveReport report;          // without the pause
  Nanoseconds rested_ns = 0;  // since when nothing of the session ran, by the source's word
};
// Reads the checkpoint and makes the session of it, which was made with Arrival::moves. Not ok: why it cannot be.
Result<Arrived> arrive(AttachedSession& session, const MoveStream& stream);

// Waits until the move is decided. Not ok: not for this worker, and why. called_off(): the daemon says so, if it lives.
Status await_commit(const MoveWord& word, const std::function<bool()>& called_off);

}  // namespace sluice::worker
