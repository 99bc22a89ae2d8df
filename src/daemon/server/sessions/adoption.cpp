#include "daemon/server/sessions/adoption.h"

#include <sys/epoll.h>

#include <array>

#include "base/log.h"
#include "daemon/server/front/peer.h"
#include "daemon/server/runtime/untrusted_socket.h"
#include "daemon/server/sessions/adoption_claim.h"
#include "daemon/server/workers/worker_log.h"

namespace sluice::server {
namespace {

SessionMemoryNote note_of(const AdoptedMemory& adopted) {
  SessionMemoryNote note = adopted.memory.note();
  if (const auto before = wire::look_at_memory(adopted.terms_before.fd()); before.ok())
    note.bindings.front().terms_before = before.value().identity;
  return note;
}

}  // namespace

Status Adoption::start(std::vector<LivingWorker> living, std::function<void()> done) {
  done_ = std::move(done);
  grants_.hold();
  for (LivingWorker& worker : living) SLUICE_TRY(expect(std::move(worker)));
  if (!expected_.empty()) log::info("waiting for {} workers of the daemon before", expected_.size());
  finish_if_done();
  return Status();
}

Status Adoption::expect(LivingWorker living) {
  const std::uint32_t number = living.number;
  const Nanoseconds patience = living.session ? patience_ns_max : idle_patience_ns_max;
  Expected& expected = expected_[number];
  expected.worker = std::move(living);
  expected.exit_watch =
      SLUICE_TRY(loop_.watch(expected.worker.process.pidfd.get(), EPOLLIN, [this, number](std::uint32_t) {
        tasks_.run(BlockingTasks::no_user, pool_.removal(number));
        forget(number);
      }));
  expected.patience =
      loop_.at(now_ns() + patience, [this, number] { reject(number, "it did not answer this daemon"); });
  if (!expected.worker.unreadable.ok()) {
    log::warn("worker {} cannot be taken over, and is ended: {}", number, expected.worker.unreadable.message());
    kill_process(expected.worker.process);
    return Status();
  }
  if (!expected.worker.session) return Status();  // it leaves by itself
  call_on(expected);
  return Status();
}

// One that a session moves to may listen only once the session is its own.
void Adoption::call_on(Expected& expected) {
  const std::uint32_t number = expected.worker.number;
  const Status called = connect_to(expected);
  if (called.ok()) return;
  if (expected.worker.session->move.role != MoveRole::target || called.code() == Code::permission_denied)
    return reject(number, called.message());
  expected.again = loop_.at(now_ns() + retry_ns, [this, &expected] { call_on(expected); });
}

// The adoption socket's file is the worker's own to replace: who answers there is the kernel's word.
Status Adoption::connect_to(Expected& expected) {
  const std::uint32_t number = expected.worker.number;
  auto link = SLUICE_TRY(connect_untrusted(folder_.adoption_socket(number)));
  auto peer = SLUICE_TRY(identify_peer(link.fd()));
  if (peer.credentials.pid != expected.worker.process.pid)
    return Status(Code::permission_denied, "another process answers at its adoption socket");
  expected.link = std::move(link);
  expected.pidfd = std::move(peer.pidfd);
  expected.link_watch =
      SLUICE_TRY(loop_.watch(expected.link.fd(), EPOLLIN, [this, number](std::uint32_t) { on_readable(number); }));
  return Status();
}

void Adoption::on_readable(std::uint32_t number) {
  Expected& expected = expected_.at(number);
  const SessionNote& note = *expected.worker.session;
  UntrustedMessage message = receive_untrusted(expected.link.fd(), worker_message_bytes_max);
  if (message.status.code() == Code::deadline_exceeded) return;
  expected.link_watch.reset();
  Status taken = check_claim(message, note);
  if (taken.ok() && has_moved_away(expected)) taken = Status(Code::permission_denied, "it has moved away");
  if (taken.ok()) taken = take_over(expected, message.fds);
  tasks_.close(note.record.client_uid, std::move(message.fds));
  if (!taken.ok()) return reject(number, taken.message());
  reject_others(note.record.session_id, number);
  forget(number);
}

// The move was committed: its target's note says so, once there was time to write it.
bool Adoption::has_moved_away(const Expected& expected) const {
  const MoveNote& move = expected.worker.session->move;
  const auto peer = move.role == MoveRole::source ? expected_.find(move.peer) : expected_.end();
  return peer != expected_.end() && peer->second.worker.session &&
         peer->second.worker.session->record.session_id == expected.worker.session->record.session_id &&
         peer->second.worker.session->move.role == MoveRole::none;
}

void Adoption::reject_others(std::uint64_t session_id, std::uint32_t number) {
  for (const auto& [other, expected] : expected_)
    if (other != number && expected.worker.session && expected.worker.session->record.session_id == session_id)
      kill_process(expected.worker.process);
}

// Its worker runs where it was started: what it is charged, and what it may use, would be another device's.
Status Adoption::check_device(const SessionNote& note) const {
  const std::uint32_t index = note.record.bindings.front().device;
  const DeviceIdentity& noted = note.devices.front();
  const std::string which =
      noted.cards > 1 ? "card " + std::to_string(noted.card) + " of " + std::to_string(noted.cards) + " of a device"
                      : "a whole device";
  const PoolDevice* device = devices_.find(index);
  if (device == nullptr)
    return Status(Code::not_found, "it runs on " + which + " that was number " + std::to_string(index) +
                                       ", and there are only " + std::to_string(devices_.devices().size()) + " now");
  if (identity_of(*device) == noted) return Status();
  return Status(Code::not_found, "it runs on " + which + " that was number " + std::to_string(index) +
                                     ", and that number is now another device or card: " + label_of(*device));
}

// Moves out of `fds` what it keeps.
Status Adoption::take_over(Expected& expected, std::vector<UniqueFd>& fds) {
  const SessionRecord& record = expected.worker.session->record;
  if (sessions_.live().contains(record.session_id))
    return Status(Code::permission_denied, "another worker has it already");
  if (!registry_.list().ids().contains(record.tenant_id))
    return Status(Code::not_found, "its tenant, " + std::string(record.tenant) + ", is not there any more");
  if (record.bindings.size() != 1)
    return Status(Code::unsupported, "it has several devices, and this daemon takes over sessions of one");
  SLUICE_TRY(check_device(*expected.worker.session));
  auto memory = SLUICE_TRY(adopt_memory(*expected.worker.session, fds, without_));
  auto log = SLUICE_TRY(make_worker_pipe());
  const TermsPage& before = *reinterpret_cast<const TermsPage*>(memory.terms_before.data());
  const BindingMemory& pages = memory.memory.bindings.front();
  pages.terms_page().epoch.store(before.epoch.load() + 1, std::memory_order_relaxed);
  const auto use = SLUICE_TRY(slices_.adopt(record, registry_.list().find(record.tenant_id)));
  Process process;
  process.pid = expected.worker.process.pid;
  process.pidfd = std::move(expected.pidfd);
  auto worker = pool_.adopt(expected.worker.number, record.bindings.front().device,
                            {std::move(process), std::move(expected.link), std::move(log.read_end)}, record.client_uid,
                            expected.worker.session->move.role == MoveRole::source);
  if (!worker.ok()) {
    slices_.release(use);
    return worker.status();
  }
  std::array<int, adopted_fds> sent{};
  sent[adopted_fd_log] = log.write_end.get();
  sent[adopted_fd_terms] = pages.terms.fd();
  sent[adopted_fd_kick] = pages.kick.get();
  const SessionNote note{record, note_of(memory), expected.worker.session->devices, {}};
  Status adopted = sessions_.adopt(record, use, *worker.value(), std::move(memory.memory), before,
                                   expected.worker.account, expected.worker.past);
  if (adopted.ok()) send_adopted(*worker.value(), note, sent);
  else slices_.release(use);
  return adopted;
}

// Once the page has all that the worker must find there. Noted first: a daemon that dies in between is followed by one
// that believes either page. The worker's log went to the daemon before, and has nobody to read it until now.
void Adoption::send_adopted(Worker& worker, const SessionNote& note, std::span<const int> fds) {
  WorkerMessage message;
  message.kind = WorkerMessageKind::adopted;
  Status sent = folder_.record_session(worker.number, note);
  if (sent.ok()) sent = worker.link.send(encode_worker_message(message), fds, 0);
  if (!sent.ok()) pool_.end(worker, "it could not be taken over: " + sent.message());
}

// Its end is seen by its exit_watch, which does the rest.
void Adoption::reject(std::uint32_t number, const std::string& why) {
  const LivingWorker& worker = expected_.at(number).worker;
  if (worker.session && worker.session->move.role != MoveRole::none)
    log::info("session {} was moving, and worker {} has not gone on with it: {}", worker.session->record.session_id,
              number, why);
  else if (worker.session)
    log::warn("session {} could not be taken over, and is ended: {}", worker.session->record.session_id, why);
  kill_process(worker.process);
}

void Adoption::forget(std::uint32_t number) {
  auto node = expected_.extract(number);
  close_link(node.mapped());
  finish_if_done();
}

// In the background: unread messages in it may hold descriptors.
void Adoption::close_link(Expected& expected) {
  expected.link_watch.reset();
  if (expected.link.valid()) tasks_.close(expected.worker.session->record.client_uid, one_fd(expected.link.take_fd()));
}

void Adoption::finish_if_done() {
  if (!expected_.empty() || !done_) return;
  grants_.release();
  std::exchange(done_, nullptr)();
}

void Adoption::give_up() {
  for (auto& [number, expected] : expected_) {
    close_link(expected);
    expected.exit_watch.reset();
    end_in_background(tasks_, std::move(expected.worker.process), pool_.removal(number));
  }
  expected_.clear();
}

}  // namespace sluice::server
