#include "daemon/worker/move/target.h"

#include <poll.h>

#include <utility>

#include "daemon/worker/checkpoint/checkpoint.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds move_ns_max = 10 * ns_per_s;
constexpr Nanoseconds decide_ns_max = 3 * ns_per_s;  // longer than the source waits for it
constexpr Nanoseconds look_ns = 5 * ns_per_ms;

Result<Checkpoint> read(const MoveStream::Received& received, MoveReport& report) {
  report.bytes += received.bytes.size();
  ++report.rounds;
  return decode_checkpoint(received.bytes);
}

// A link that says anything now says that the move is over; one that is closed has lost its daemon.
bool is_called_off(const wire::MessageSocket& link) {
  pollfd awaited{link.fd(), POLLIN, 0};
  return poll(&awaited, 1, 0) > 0 && link.receive(now_ns()).ok();
}

}  // namespace

Result<Arrived> arrive(AttachedSession& session, const MoveStream& stream) {
  const Nanoseconds deadline_ns = now_ns() + move_ns_max;
  Arrived arrived;
  const auto early = SLUICE_TRY(stream.receive(MoveFrame::objects, checkpoint_bytes_max, deadline_ns));
  const Checkpoint objects = SLUICE_TRY(read(early, arrived.report));
  Restorer restorer = session.restorer();
  SLUICE_TRY(restorer.make(objects.objects, deadline_ns));
  SLUICE_TRY(stream.send(MoveFrame::made, {}, deadline_ns));
  auto late = SLUICE_TRY(stream.receive(MoveFrame::rest, checkpoint_bytes_max, deadline_ns));
  if (!late.descriptor.valid()) return Status(Code::protocol_fault, "the session came without its program");
  const Checkpoint checkpoint = SLUICE_TRY(read(late, arrived.report));
  SLUICE_TRY(restorer.make(checkpoint.objects, deadline_ns));
  SLUICE_TRY(restorer.go_on(checkpoint));
  SLUICE_TRY(session.resume(checkpoint));
  arrived.report.bytes_in_pause = late.bytes.size();
  arrived.report.objects = static_cast<std::uint32_t>(checkpoint.objects.size());
  arrived.rested_ns = checkpoint.rested_ns;
  arrived.session_socket = std::move(late.descriptor);
  return arrived;
}

Status await_commit(const MoveWord& word, const wire::MessageSocket& link) {
  const Nanoseconds deadline_ns = now_ns() + decide_ns_max;
  for (;;) {
    const MoveState state = word.wait(now_ns() + look_ns);
    if (state == MoveState::committed) return Status();
    if (state == MoveState::aborted) return Status(Code::unavailable, "the move was aborted");
    if (is_called_off(link)) return Status(Code::unavailable, "the daemon called the move off");
    if (now_ns() >= deadline_ns) return Status(Code::deadline_exceeded, "nobody decided the move");
  }
}

}  // namespace sluice::worker
