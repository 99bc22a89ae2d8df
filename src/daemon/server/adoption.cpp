#include "daemon/server/adoption.h"

#include <sys/epoll.h>

#include "base/log.h"

namespace sluice::server {
Status Adoption::start(std::vector<LivingWorker> living, std::function<void()> done) {
  done_ = std::move(done);
  for (LivingWorker& worker : living)
    if (Status expected = expect(std::move(worker)); !expected.ok()) return expected;
  if (!expected_.empty()) log::info("waiting for {} workers of the daemon before", expected_.size());
  finish_if_done();
  return Status();
}

Status Adoption::expect(LivingWorker living) {
  const std::uint32_t number = living.number;
  const Nanoseconds patience = living.session ? patience_ns_max : idle_patience_ns_max;
  Expected& expected = expected_[number];
  expected.worker = std::move(living);
  auto watched = loop_.watch(expected.worker.process.pidfd.get(), EPOLLIN, [this, number](std::uint32_t) {
    aside_.run(Aside::nobody, folder_.worker_folder_removal(number));
    forget(number);
  });
  if (!watched.ok()) return watched.status();
  expected.exit_watch = watched.take();
  expected.patience =
      loop_.at(now_ns() + patience, [this, number] { reject(number, "it did not answer this daemon"); });
  if (!expected.worker.unreadable.ok()) {
    log::warn("worker {} cannot be taken over, and is ended: {}", number, expected.worker.unreadable.message());
    kill_process(expected.worker.process);
    return Status();
  }
  if (!expected.worker.session) return Status();  // it leaves by itself
  if (Status called = call_on(expected); !called.ok()) reject(number, called.message());
  return Status();
}

// The file at the door is the worker's own to replace: who answers there is the kernel's word.
Status Adoption::call_on(Expected& expected) {
  const std::uint32_t number = expected.worker.number;
  auto link = wire::MessageSocket::connect(folder_.worker_door(number));
  if (!link.ok()) return link.status();
  auto peer = identify_peer(link.value().fd());
  if (!peer.ok()) return peer.status();
  if (peer.value().credentials.pid != expected.worker.process.pid)
    return Status(Code::permission_denied, "another process answers at its door");
  expected.link = link.take();
  expected.pidfd = std::move(peer.value().pidfd);
  auto watched = loop_.watch(expected.link.fd(), EPOLLIN, [this, number](std::uint32_t) { hear(number); });
  if (!watched.ok()) return watched.status();
  expected.link_watch = watched.take();
  return Status();
}

void Adoption::hear(std::uint32_t number) {
  Expected& expected = expected_.at(number);
  auto message = expected.link.receive(0);
  if (message.status().code() == Code::deadline_exceeded) return;
  expected.link_watch.reset();
  Status taken = message.status();
  if (taken.ok()) taken = check(message.value(), expected.worker.session->record);
  if (taken.ok()) taken = take_over(expected, std::move(message.value().fds));
  if (taken.ok()) return forget(number);
  reject(number, taken.message());
}

Status Adoption::check(const wire::Message& message, const SessionRecord& noted) {
  const auto claim = decode_worker_message(message.bytes);
  if (!claim.ok()) return claim.status();
  if (claim.value().kind != WorkerMessageKind::adopt || message.fds.size() < adopt_fds)
    return Status(Code::permission_denied, "it did not ask to be taken over");
  if (!(claim.value().record == noted))
    return Status(Code::permission_denied, "it speaks of another session than it was given");
  return Status();
}

Status Adoption::take_over(Expected& expected, std::vector<UniqueFd> fds) {
  const SessionRecord& record = expected.worker.session->record;
  auto meter = wire::SharedMemory::map(std::move(fds[adopt_fd_meter]), metering::meter_bytes);
  if (!meter.ok()) return meter.status();
  auto page = wire::SharedMemory::map(std::move(fds[adopt_fd_tenant]), tenant_page_bytes);
  if (!page.ok()) return page.status();
  auto lease = wire::SharedMemory::map(std::move(fds[adopt_fd_lease]), lease_page_bytes);
  if (!lease.ok()) return lease.status();
  WorkerMessage welcome;
  welcome.kind = WorkerMessageKind::adopted;
  if (Status sent = expected.link.send(encode_worker_message(welcome), {}, 0); !sent.ok()) return sent;
  const auto seat = seats_.adopt(record, page.take(), registry_.list().find(record.tenant));
  if (!seat.ok()) return seat.status();
  Process process;
  process.pid = expected.worker.process.pid;
  process.pidfd = std::move(expected.pidfd);
  auto worker = pool_.adopt(expected.worker.number, record.device_index, std::move(process), std::move(expected.link));
  if (!worker.ok()) {
    seats_.leave(seat.value());
    return worker.status();
  }
  Status adopted = sessions_.adopt(record, seat.value(), *worker.value(),
                                   {meter.take(), lease.take(), std::move(fds[adopt_fd_kick])});
  if (!adopted.ok()) seats_.leave(seat.value());
  return adopted;
}

// Its end is seen by its exit_watch, which does the rest.
void Adoption::reject(std::uint32_t number, const std::string& why) {
  const LivingWorker& worker = expected_.at(number).worker;
  if (worker.session)
    log::warn("session {} could not be taken over, and is ended: {}", worker.session->record.session_id, why);
  kill_process(worker.process);
}

void Adoption::forget(std::uint32_t number) {
  expected_.erase(number);
  finish_if_done();
}

void Adoption::finish_if_done() {
  if (expected_.empty() && done_) std::exchange(done_, nullptr)();
}

void Adoption::give_up() {
  for (auto& [number, expected] : expected_) {
    end_process(expected.worker.process);
    folder_.worker_folder_removal(number)();
  }
  expected_.clear();
}

}  // namespace sluice::server
