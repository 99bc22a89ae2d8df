#include "daemon/worker/move/source.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "base/log.h"
#include "daemon/sessions/worker_link.h"
#include "daemon/worker/checkpoint/checkpoint.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds move_ns_max = 10 * ns_per_s;
constexpr Nanoseconds rest_ns_max = 2 * ns_per_s;  // until nothing of the session runs
constexpr Nanoseconds decide_ns_max = ns_per_s;    // from the last byte to the word
constexpr Nanoseconds build_look_ns = 2 * ns_per_ms;

void sent(const MoveWord& word, MoveStage stage, std::uint64_t bytes) {
  MovePage& page = word.page();
  page.stage.store(static_cast<std::uint32_t>(stage), std::memory_order_relaxed);
  page.bytes_sent.fetch_add(bytes, std::memory_order_relaxed);
  page.bytes_known.fetch_add(bytes, std::memory_order_relaxed);
}

}  // namespace

MoveSource::MoveSource(AttachedSession& session, int session_socket)
    : session_(session), session_socket_(session_socket), given_up_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

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
  Status status = copy(move);
  if (status.ok()) status = hand_over(move);
  if (!move.word.abort()) _exit(0);  // committed after all
  give_up(move, status);
}

void MoveSource::give_up(Move& move, const Status& why) {
  log::info("the session stays here: {}", why.to_string());
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

// While the program runs.
Status MoveSource::copy(Move& move) {
  Checkpoint checkpoint;
  Status status;
  if (!session_.visit([&] { status = session_.write_objects(checkpoint); }, move.deadline_ns))
    return Status(Code::deadline_exceeded, "the session did not get round to it");
  SLUICE_TRY(std::move(status));
  const auto bytes = encode_checkpoint(checkpoint);
  SLUICE_TRY(move.stream.send(MoveFrame::objects, bytes, move.deadline_ns));
  sent(move.word, MoveStage::copies, bytes.size());
  SLUICE_TRY(move.stream.receive(MoveFrame::made, 0, move.deadline_ns));
  return Status();
}

// Not while a program is built: its answer is the source's to give.
Status MoveSource::hand_over(Move& move) {
  for (;;) {
    bool builds = false;
    Status status;
    const bool visited = session_.visit(
        [&] {
          builds = session_.is_building();
          if (!builds) status = rest(move);
        },
        move.deadline_ns);
    if (!visited) return Status(Code::deadline_exceeded, "the session did not get round to it");
    if (!builds) return status;
    if (now_ns() >= move.deadline_ns) return Status(Code::deadline_exceeded, "a program of it is being built");
    std::this_thread::sleep_for(std::chrono::nanoseconds(build_look_ns));
  }
}

// On the command thread, which does nothing else meanwhile.
Status MoveSource::rest(Move& move) {
  const Checkpoint checkpoint = SLUICE_TRY(session_.come_to_rest(now_ns() + rest_ns_max));
  const auto bytes = encode_checkpoint(checkpoint);
  const Nanoseconds deadline_ns = now_ns() + decide_ns_max;
  SLUICE_TRY(move.stream.send(MoveFrame::rest, bytes, deadline_ns, session_socket_));
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
