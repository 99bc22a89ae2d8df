// The worker pool's part in moves of sessions (sessions/session_move.h).
#include "base/contract.h"
#include "base/units.h"
#include "daemon/server/workers/worker_pool.h"

namespace sluice::server {
namespace {

// From the commit of a move: to the source's end, and to the target's word that it serves.
constexpr Nanoseconds give_away_ns_max = ns_per_s / 2, take_over_ns_max = 5 * ns_per_s;
// A worker that starts takes the processors that a move needs for its pause to be short.
constexpr Nanoseconds calm_after_move_ns = ns_per_s / 2;

}  // namespace

void WorkerPool::move_waits(std::uint32_t device) {
  ++devices_[device].moves_waiting;
  refill(device);
}

Status WorkerPool::receive(Worker& target, const SessionRecord& record, std::span<const int> fds) {
  SLUICE_REQUIRE(target.state == WorkerState::attaching);
  WorkerMessage message;
  message.kind = WorkerMessageKind::receive;
  message.record = record;
  SLUICE_TRY(target.link.send(encode_worker_message(message), fds, 0));
  target.deadline.reset();
  target.enter(WorkerState::receiving);
  replace_later(target.device, calm_after_move_ns);
  return Status();
}

bool WorkerPool::can_give(const Worker& source) {
  return source.state == WorkerState::serving && !source.giving && !source.said_ended && source.end_reason.empty() &&
         !source.exited && source.link.valid();
}

Status WorkerPool::give(Worker& source, std::span<const int> fds) {
  SLUICE_REQUIRE(can_give(source));
  WorkerMessage message;
  message.kind = WorkerMessageKind::give;
  SLUICE_TRY(source.link.send(encode_worker_message(message), fds, 0));
  source.giving = true;
  return Status();
}

void WorkerPool::commit(Worker& source, Worker& target) {
  SLUICE_REQUIRE(target.state == WorkerState::prepared);
  source.enter(WorkerState::given_away);
  source.end_reason = "its session has moved";
  source.deadline = loop_.at(now_ns() + give_away_ns_max, [this, &source] { end(source, "it does not leave"); });
  target.enter(WorkerState::taking_over);
  target.deadline = loop_.at(now_ns() + take_over_ns_max, [this, &target] {
    end(target, "its worker did not take it over within " + format_duration(take_over_ns_max));
  });
}

// False: it is not of a move, or not in its place.
bool WorkerPool::handle_move(Worker& worker, const WorkerMessage& message) {
  if (message.kind == WorkerMessageKind::prepared && worker.state == WorkerState::receiving) {
    worker.enter(WorkerState::prepared);
    if (!worker.exited) prepared.raise(worker);  // a session is not given to one that has ended meanwhile
    return true;
  }
  if (message.kind == WorkerMessageKind::moved && worker.state == WorkerState::taking_over) {
    worker.deadline.reset();
    worker.enter(WorkerState::serving);
    moved.raise(worker, message.move);
    return true;
  }
  if (message.kind != WorkerMessageKind::kept || worker.state != WorkerState::serving) return false;
  if (!std::exchange(worker.giving, false)) return std::exchange(worker.giving_before, false);
  kept.raise(worker, plain_text(message.text));
  return true;
}

}  // namespace sluice::server
