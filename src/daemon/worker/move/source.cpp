#include "daemon/worker/move/source.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <utility>

#include "base/log.h"
#include "daemon/sessions/worker_link.h"
#include "daemon/worker/checkpoint/checkpoint.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds in_flight_ns_max = 5 * ns_per_ms;
constexpr int rounds_max = 5;
constexpr std::uint64_t little_bytes = 8ull << 20;
constexpr Nanoseconds rest_ns_max = 2 * ns_per_s;  // until nothing of the session runs
constexpr Nanoseconds decide_ns_max = ns_per_s;    // from the last byte to the word
constexpr Nanoseconds look_again_ns = 2 * ns_per_ms;

void sent(const MoveWord& word, MoveStage stage, std::uint64_t bytes) {
  MovePage& page = word.page();
  page.stage.store(static_cast<std::uint32_t>(stage), std::memory_order_relaxed);
  page.bytes_sent.fetch_add(bytes, std::memory_order_relaxed);
  page.bytes_known.fetch_add(bytes, std::memory_order_relaxed);
}

}  // namespace

MoveSource::MoveSource(AttachedSession& session, int session_socket)
    : session_(session),
      copier_(session.copier()),
      session_socket_(session_socket),
      given_up_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Status MoveSource::start(std::vector<UniqueFd> fds) {
  if (fds.size() != give_fds) return Status(Code::protocol_fault, "a move without its descriptors");
  MoveWord word = SLUICE_TRY(MoveWord::map(std::move(fds[give_fd_word])));
  auto move = std::make_shared<Move>(
      Move{std::move(word), MoveStream(std::move(fds[give_fd_checkpoint])), now_ns() + move_ns_max});
  {
    const std::lock_guard lock(mutex_);
    if (move_ != nullptr) return Status(Code::protocol_fault, "a move while another goes on");
    move_ = move;
  }
  std::thread([this, move] { run(*move); }).detach();
  return Status();
}

void MoveSource::run(Move& move) {
  Status status = slow_down(move);
  if (status.ok()) status = copy(move);
  if (status.ok()) status = hand_over(move);
  if (!move.word.abort()) _exit(0);  // committed after all
  give_up(move, status);
}

void MoveSource::give_up(Move& move, const Status& why) {
  log::info("the session stays here: {}", why.to_string());
  (void)session_.visit([&] { session_.bound_in_flight(UINT64_MAX); }, now_ns() + rest_ns_max);
  move.stream = MoveStream(UniqueFd());
  {
    const std::lock_guard lock(mutex_);
    move_.reset();
    kept_ = why.message();
  }
  const std::uint64_t one = 1;
  (void)!::write(given_up_.get(), &one, sizeof one);
}

std::optional<std::string> MoveSource::take_kept() {
  std::uint64_t count = 0;
  (void)!::read(given_up_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(kept_, std::nullopt);
}

Status MoveSource::visit(const Move& move, const std::function<Status()>& what) {
  Status status;
  if (!session_.visit([&] { status = what(); }, move.deadline_ns))
    return Status(Code::deadline_exceeded, "the session did not get round to it");
  return status;
}

// Until only a little is in the driver's hands.
Status MoveSource::slow_down(const Move& move) {
  for (;;) {
    bool slow = false;
    SLUICE_TRY(visit(move, [&] {
      slow = session_.bound_in_flight(in_flight_ns_max);
      return Status();
    }));
    if (slow) return Status();
    if (now_ns() >= move.deadline_ns) return Status(Code::deadline_exceeded, "commands of it still run");
    std::this_thread::sleep_for(std::chrono::nanoseconds(look_again_ns));
  }
}

// While the program runs: objects, and then what they hold, in rounds, until little was written during the last one.
Status MoveSource::copy(Move& move) {
  SLUICE_TRY(visit(move, [&] {
    begin_contents(session_.objects());
    return Status();
  }));
  std::uint64_t before = UINT64_MAX;
  for (int round = 0; round < rounds_max; ++round) {
    Checkpoint checkpoint;
    std::vector<ContentPiece> pieces;
    SLUICE_TRY(visit(move, [&] { return begin_round(checkpoint, pieces); }));
    SLUICE_TRY(send_objects(move, checkpoint));
    SLUICE_TRY(send_contents(move, pieces));
    const std::uint64_t bytes = bytes_of(pieces);
    if (bytes <= little_bytes || bytes > before / 2) break;
    before = bytes;
  }
  return Status();
}

// What is taken here was written by commands that have ended; what later ones write is taken in the next round.
Status MoveSource::begin_round(Checkpoint& checkpoint, std::vector<ContentPiece>& pieces) {
  if (session_.keeps_memory_elsewhere()) SLUICE_TRY(session_.rest(now_ns() + rest_ns_max));
  checkpoint.objects = session_.write_objects();
  pieces = take_contents(session_.objects());
  return Status();
}

Status MoveSource::send_objects(Move& move, const Checkpoint& checkpoint) {
  const auto bytes = encode_checkpoint(checkpoint);
  SLUICE_TRY(move.stream.send(MoveFrame::objects, bytes, move.deadline_ns));
  sent(move.word, MoveStage::copies, bytes.size());
  SLUICE_TRY(move.stream.receive({MoveFrame::made}, 0, move.deadline_ns));
  return Status();
}

// A piece at a time, so that the program's commands go in between.
Status MoveSource::send_contents(Move& move, const std::vector<ContentPiece>& pieces) {
  move.word.page().bytes_known.fetch_add(bytes_of(pieces), std::memory_order_relaxed);
  for (const ContentPiece& piece : pieces) {
    std::vector<std::byte> bytes;
    const auto read = [&] { return copier_.read(session_.objects(), piece, move.deadline_ns, bytes); };
    SLUICE_TRY(visit(move, read));
    SLUICE_TRY(send_piece(move, piece, bytes));
  }
  return Status();
}

Status MoveSource::send_piece(Move& move, const ContentPiece& piece, std::span<const std::byte> bytes) {
  if (bytes.empty()) return Status();
  move.word.page().bytes_sent.fetch_add(bytes.size(), std::memory_order_relaxed);
  return move.stream.send(MoveFrame::contents, std::as_bytes(std::span(&piece, 1)), bytes, move.deadline_ns);
}

// Not while a program is built: its answer is the source's to give.
Status MoveSource::hand_over(Move& move) {
  for (;;) {
    bool builds = false;
    SLUICE_TRY(visit(move, [&] {
      builds = session_.is_building();
      return builds ? Status() : switch_over(move);
    }));
    if (now_ns() >= move.deadline_ns) return Status(Code::deadline_exceeded, "a program of it is being built");
    std::this_thread::sleep_for(std::chrono::nanoseconds(look_again_ns));
  }
}

// On the command thread, which does nothing else meanwhile.
Status MoveSource::switch_over(Move& move) {
  SLUICE_TRY(session_.rest(now_ns() + rest_ns_max));
  const Checkpoint checkpoint = session_.write_all(now_ns());
  const auto pieces = take_contents(session_.objects());
  if (session_.keeps_memory_elsewhere()) {
    Checkpoint objects;  // that the pieces belong to
    objects.objects = checkpoint.objects;
    SLUICE_TRY(send_objects(move, objects));
  }
  std::vector<std::byte> content;
  for (const ContentPiece& piece : pieces) {
    SLUICE_TRY(copier_.read(session_.objects(), piece, move.deadline_ns, content));
    SLUICE_TRY(send_piece(move, piece, content));
  }
  const auto bytes = encode_checkpoint(checkpoint);
  const Nanoseconds deadline_ns = now_ns() + decide_ns_max;
  std::array<int, move_fds> fds{};
  fds[move_fd_session] = session_socket_, fds[move_fd_output] = STDOUT_FILENO;
  SLUICE_TRY(move.stream.send(MoveFrame::rest, bytes, deadline_ns, fds));
  sent(move.word, MoveStage::switches, bytes.size());
  if (move.word.wait(deadline_ns) == MoveState::committed) _exit(0);
  if (!move.word.abort()) _exit(0);
  return Status(Code::unavailable, "the other worker did not take it over");
}

bool MoveSource::stop() {
  const std::lock_guard lock(mutex_);
  return move_ == nullptr || move_->word.abort();
}

}  // namespace sluice::worker
