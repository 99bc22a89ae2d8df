#include "daemon/worker/move/target.h"

#include <cstring>
#include <utility>

#include "daemon/worker/checkpoint/checkpoint.h"
#include "daemon/worker/move/contents.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds decision_ns_max = 3 * ns_per_s;  // longer than the source waits for it
constexpr Nanoseconds look_ns = 5 * ns_per_ms;

// The frames of a move, until the last.
class Arriving {
 public:
  Arriving(AttachedSession& session, const MoveStream& stream)
      : session_(session), stream_(stream), restorer_(session.restorer()), copier_(session.copier()) {}

  Result<Arrived> run() {
    MoveStream::Received received;
    do {
      received = SLUICE_TRY(stream_.receive({MoveFrame::objects, MoveFrame::contents, MoveFrame::rest},
                                            checkpoint_bytes_max, deadline_ns_));
      arrived_.report.bytes += received.bytes.size();
      if (received.kind == MoveFrame::objects) SLUICE_TRY(take_objects(received.bytes));
      if (received.kind == MoveFrame::contents) SLUICE_TRY(take_contents(received.bytes));
    } while (received.kind != MoveFrame::rest);
    SLUICE_TRY(take_rest(received));
    return std::move(arrived_);
  }

 private:
  Status take_objects(std::span<const std::byte> bytes) {
    ++arrived_.report.rounds;
    arrived_.report.bytes_in_pause = 0;  // of the last round alone
    const Checkpoint objects = SLUICE_TRY(decode_checkpoint(bytes));
    SLUICE_TRY(restorer_.make(objects.objects, deadline_ns_));
    return stream_.send(MoveFrame::made, {}, deadline_ns_);
  }

  Status take_contents(std::span<const std::byte> bytes) {
    ContentPiece piece;
    if (bytes.size() < sizeof piece) return Status(Code::protocol_fault, "a piece of memory is cut short");
    std::memcpy(&piece, bytes.data(), sizeof piece);
    arrived_.report.bytes_in_pause += bytes.size();
    return copier_.write(session_.objects(), piece, bytes.subspan(sizeof piece), deadline_ns_);
  }

  Status take_rest(MoveStream::Received& received) {
    if (received.descriptors.size() != move_fds)
      return Status(Code::protocol_fault, "the session came without its program");
    const Checkpoint checkpoint = SLUICE_TRY(decode_checkpoint(received.bytes));
    SLUICE_TRY(restorer_.make(checkpoint.objects, deadline_ns_));
    SLUICE_TRY(restorer_.go_on(checkpoint));
    SLUICE_TRY(session_.resume(checkpoint));
    arrived_.report.bytes_in_pause += received.bytes.size();
    arrived_.report.objects = static_cast<std::uint32_t>(checkpoint.objects.size());
    arrived_.rested_ns = checkpoint.rested_ns;
    arrived_.session_socket = std::move(received.descriptors[move_fd_session]);
    arrived_.output = std::move(received.descriptors[move_fd_output]);
    return Status();
  }

  const Nanoseconds deadline_ns_ = now_ns() + move_ns_max;
  AttachedSession& session_;
  const MoveStream& stream_;
  Restorer restorer_;
  ContentCopier copier_;
  Arrived arrived_;
};

}  // namespace

Result<Arrived> arrive(AttachedSession& session, const MoveStream& stream) { return Arriving(session, stream).run(); }

Status await_commit(const MoveWord& word, const std::function<bool()>& called_off) {
  const Nanoseconds deadline_ns = now_ns() + decision_ns_max;
  for (;;) {
    const MoveState state = word.wait(now_ns() + look_ns);
    if (state == MoveState::committed) return Status();
    if (state == MoveState::aborted) return Status(Code::unavailable, "the move was aborted");
    if (called_off()) return Status(Code::unavailable, "the daemon called the move off");
    if (now_ns() >= deadline_ns) return Status(Code::deadline_exceeded, "nobody decided the move");
  }
}

}  // namespace sluice::worker
