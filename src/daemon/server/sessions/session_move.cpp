#include "daemon/server/sessions/session_move.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/log.h"
#include "base/units.h"

namespace sluice::server {
namespace {

struct StreamPair {
  UniqueFd source, target;
};

Result<StreamPair> make_stream() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_status("make a socket for a move", errno);
  return StreamPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// It looks at the pages that this daemon gave it.
bool is_current(const BindingMemory& memory) {
  return memory.report_page().epoch.load() == memory.terms_page().epoch.load();
}

}  // namespace

Status check_movable(const LiveSession& session) {
  const auto refused = [](const char* why) { return Status(Code::unavailable, why); };
  if (!session.live) return refused("it is just beginning");
  if (session.bindings.size() != 1) return Status(Code::unsupported, "it has several devices at once");
  const Worker& worker = *session.bindings.front().worker;
  const bool gave_before = worker.giving_before && now_ns() - worker.since_ns < SessionMove::move_ns_max;
  if (worker.giving || gave_before) return refused("its worker has not yet given up an earlier move");
  if (worker.state == WorkerState::taking_over) return refused("it has just moved, and its worker is taking over");
  if (!WorkerPool::can_give(worker)) return refused("it is ending");
  if (!is_current(session.memory.bindings.front())) return refused("this daemon is just taking it over");
  return Status();
}

SessionMove::SessionMove(const MoveTools& tools, std::uint64_t number, std::uint64_t session_id, std::uint32_t device,
                         Done done)
    : tools_(tools), number_(number), device_(device), done_(std::move(done)) {
  target_.id = {session_id, device};
  deadline_ = tools_.loop.at(now_ns() + move_ns_max, [this] { out_of_time(); });
  tools_.pool.move_waits(device_);
  worker_ready(device_);
}

SessionMove::~SessionMove() {
  if (state_ == State::waiting) tools_.pool.move_waits_no_more(device_);
  if (target_has_grant_) tools_.grants.close(target_.id);
}

MoveProgress SessionMove::progress() const {
  if (!word_) return {};
  const MovePage& page = word_->page();
  const auto stage = static_cast<MoveStage>(page.stage.load(std::memory_order_relaxed));
  return {stage <= MoveStage::switches ? stage : MoveStage::asked, page.bytes_sent.load(std::memory_order_relaxed),
          page.bytes_known.load(std::memory_order_relaxed)};
}

// ---- the beginning ----

void SessionMove::worker_ready(std::uint32_t device) {
  if (state_ != State::waiting || device != device_) return;
  target_.worker = tools_.pool.take(device_);
  if (target_.worker == nullptr) return;
  tools_.pool.move_waits_no_more(device_);
  state_ = State::copying;
  if (Status begun = begin(); !begun.ok()) undo(begun);
}

Status SessionMove::begin() {
  LiveSession* session = tools_.sessions.find(session_id());
  if (session == nullptr) return Status(Code::not_found, "the session has ended");
  SLUICE_TRY(check_movable(*session));
  source_ = session->bindings.front().worker;
  target_.worker->uid = session->record.client_uid;
  SLUICE_TRY(limit(*session));
  SLUICE_TRY(make_target(*session));
  SLUICE_TRY(write_notes(*session));
  const StreamPair stream = SLUICE_TRY(make_stream());
  SLUICE_TRY(send_receive(*session, stream.target.get()));
  return send_give(stream.source.get());
}

Status SessionMove::limit(const LiveSession& session) const {
  const auto cpu = cpu_fence(tools_.devices.find(device_)->traits, session.use.tenant->terms.cap);
  return tools_.pool.limit(*target_.worker, session.record.arena_bytes, cpu);
}

Status SessionMove::make_target(const LiveSession& session) {
  target_.memory = SLUICE_TRY(make_binding_memory(tools_.without));
  target_.before = tools_.sessions.account_of(*target_.worker);
  word_ = SLUICE_TRY(MoveWord::make());
  tools_.grants.open_target(
      session.bindings.front().id, target_.id,
      std::make_unique<PageMemoryGrantor>(target_.memory.terms_page(), target_.memory.report_page()));
  target_has_grant_ = true;
  listen_to_kicks();
  return Status();
}

SessionRecord SessionMove::target_record(const LiveSession& session) const {
  SessionRecord record = session.record;
  record.bindings = {{device_, target_.worker->number}};
  return record;
}

DeviceIdentity SessionMove::identity_on(std::uint32_t device) const {
  const PoolDevice* found = tools_.devices.find(device);
  return found == nullptr ? DeviceIdentity() : identity_of(*found);
}

Status SessionMove::write_notes(const LiveSession& session) const {
  const SessionMemoryNote memory = session.memory.note();
  SessionMemoryNote of_target = memory;
  of_target.bindings = {note_of(target_.memory)};
  SLUICE_TRY(tools_.folder.record_session(
      target_.worker->number,
      {target_record(session), of_target, {identity_on(device_)}, {number_, MoveRole::target, source_->number}}));
  const std::uint32_t from = session.record.bindings.front().device;
  return tools_.folder.record_session(
      source_->number,
      {session.record, memory, {identity_on(from)}, {number_, MoveRole::source, target_.worker->number}});
}

Status SessionMove::send_receive(const LiveSession& session, int checkpoint) const {
  const auto& uuid = tools_.devices.find(device_)->traits.uuid;
  const UniqueFd cache = tools_.cache.mount(session.record.tenant_id, uuid, tools_.pool.user_of(*target_.worker));
  std::array<int, attach_fds_max + 1> fds{};
  fds[receive_fd_word] = word_->fd();
  const std::span<int> attach = std::span(fds).subspan<receive_fd_word + 1>();
  attach[attach_fd_control] = session.memory.control.fd();
  attach[attach_fd_arena] = session.memory.arena.fd();
  attach[attach_fd_report] = target_.memory.report.fd();
  attach[attach_fd_terms] = target_.memory.terms.fd();
  attach[attach_fd_kick] = target_.memory.kick.get();
  attach[attach_fd_session] = checkpoint;
  const UniqueFd nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
  attach[attach_fd_output] = nowhere.get();
  std::size_t count = 1 + attach_fds_min;
  if (cache.valid()) fds[count++] = cache.get();
  return tools_.pool.receive(*target_.worker, target_record(session), std::span(fds).first(count));
}

Status SessionMove::send_give(int checkpoint) const {
  std::array<int, give_fds> fds{};
  fds[give_fd_word] = word_->fd();
  fds[give_fd_checkpoint] = checkpoint;
  return tools_.pool.give(*source_, fds);
}

// ---- while the target makes the session again ----

// It has no lease yet, so the LeaseScheduler does not hear it: what it asks for is memory.
void SessionMove::listen_to_kicks() {
  auto watch = tools_.loop.watch(target_.memory.kick.get(), EPOLLIN, [this](std::uint32_t) { kicked(); });
  if (watch.ok()) kicks_ = watch.take();
}

void SessionMove::kicked() {
  std::uint64_t count = 0;
  (void)!::read(target_.memory.kick.get(), &count, sizeof count);
  kicks_.reset();
  next_kicks_ = tools_.loop.at(now_ns() + kick_pause_ns, [this] { listen_to_kicks(); });
  tools_.grants.answer_request(target_.id);
}

void SessionMove::worker_prepared(Worker& worker) {
  if (state_ != State::copying || &worker != target_.worker) return;
  if (Status committed = commit(); !committed.ok()) undo(committed);
}

Status SessionMove::commit() {
  LiveSession* session = tools_.sessions.find(session_id());
  const bool ends = session == nullptr || source_->state != WorkerState::serving || !source_->end_reason.empty() ||
                    source_->said_ended || source_->exited;
  if (ends) return Status(Code::unavailable, "the session is ending");
  if (!source_->giving) return Status(Code::unavailable, "its worker gave up the move");
  kicks_.reset();
  next_kicks_.reset();
  SLUICE_TRY(tools_.sessions.rebind(*session, target_, [this] { return word_->commit(); }));
  target_has_grant_ = false;  // it is the session's
  state_ = State::switched;
  deadline_.reset();
  session->unmoved.clear();
  tools_.pool.commit(*source_, *target_.worker);
  // A daemon that dies before this note is written is followed by one that knows both workers.
  const SessionNote note{session->record, session->memory.note(), {identity_on(device_)}, {}};
  if (Status noted = tools_.folder.record_session(target_.worker->number, note); !noted.ok())
    log::warn("session {} has moved, which a next daemon would have to guess: {}", session_id(), noted.message());
  if (Status limited = limit(*session); !limited.ok())
    tools_.pool.end(*target_.worker, "its limits could not be set: " + limited.message());
  return Status();
}

void SessionMove::worker_kept(Worker& worker, const std::string& why) {
  if (state_ == State::copying && &worker == source_) undo(Status(Code::unavailable, why));
}

void SessionMove::out_of_time() {
  if (state_ == State::copying)
    return undo(Status(Code::deadline_exceeded, "it took longer than " + format_duration(move_ns_max)));
  if (state_ != State::waiting) return;
  const std::string device = "device " + std::to_string(device_);
  const std::string failure = tools_.pool.view(device_).failure;
  undo(Status(Code::deadline_exceeded, failure.empty() ? "no worker of " + device + " was ready in time"
                                                       : device + " cannot be used now: " + failure));
}

// ---- ends ----

// The session is the source's, whatever the word says: a worker may have written it, and its target is ended.
void SessionMove::undo(const Status& why) {
  if (state_ == State::waiting) tools_.pool.move_waits_no_more(device_);
  state_ = State::undone;
  status_ = why;
  deadline_.reset();
  if (word_) (void)word_->abort();
  LiveSession* session = tools_.sessions.find(session_id());
  if (session != nullptr) session->unmoved = why.message();
  if (session != nullptr && source_ != nullptr) note_stayed(*session);
  if (target_.worker != nullptr) return tools_.pool.end(*target_.worker, "a move was given up: " + why.message());
  finish();
}

void SessionMove::note_stayed(const LiveSession& session) const {
  const std::uint32_t device = session.record.bindings.front().device;
  const SessionNote note{session.record, session.memory.note(), {identity_on(device)}, {}};
  if (Status noted = tools_.folder.record_session(source_->number, note); !noted.ok())
    log::warn("session {} has stayed, which a next daemon would have to guess: {}", session_id(), noted.message());
}

void SessionMove::worker_moved(Worker& worker, const MoveReport& report) {
  if (state_ != State::switched || &worker != target_.worker) return;
  moved_ = true;
  report_ = report;
  finish_if_over();
}

void SessionMove::worker_released(Worker& worker, const std::string& why) {
  if (state_ == State::copying && &worker == source_) undo(Status(Code::not_found, "the session ended: " + why));
}

void SessionMove::worker_gone(Worker& worker, const std::string& why) {
  if (&worker == source_) {
    worker_released(worker, why);
    source_ = nullptr;
  } else if (&worker == target_.worker) {
    target_.worker = nullptr;
    if (state_ == State::copying) undo(Status(Code::unavailable, "the worker that it was to move to ended: " + why));
    else if (state_ == State::undone) finish();
    else if (!moved_) status_ = Status(Code::unavailable, "the session ended as its new worker did: " + why);
  } else {
    return;
  }
  finish_if_over();
}

// Once the source is gone, its device has room again.
void SessionMove::finish_if_over() {
  if (state_ == State::switched && source_ == nullptr && (moved_ || target_.worker == nullptr)) finish();
}

// From the loop: who has called this may go on with the move's workers.
void SessionMove::finish() {
  if (state_ == State::finished) return;
  state_ = State::finished;
  finish_ = tools_.loop.at(now_ns(), [this] {
    const Done done = std::move(done_);
    done(Status(status_), MoveReport(report_));
  });
}

}  // namespace sluice::server
