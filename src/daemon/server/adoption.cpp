#include "daemon/server/adoption.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace sluice::server {
namespace {

constexpr Nanoseconds greeting_ns_max = 5 * ns_per_s;
constexpr std::size_t visitors_max = 512;
enum AdoptFd : std::size_t { adopt_fd_meter, adopt_fd_tenant, adopt_fds };

// In the same time wherever they differ.
bool same_key(const AdoptionKey& ours, const std::uint8_t (&theirs)[adoption_key_bytes]) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) difference |= static_cast<unsigned>(ours[i] ^ theirs[i]);
  return difference == 0;
}

bool same_record(const SessionRecord& a, const SessionRecord& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

Status Adoption::start(std::vector<LivingWorker> living, std::function<void()> done) {
  done_ = std::move(done);
  for (LivingWorker& worker : living)
    if (Status expected = expect(std::move(worker)); !expected.ok()) return expected;
  // Listening comes last: its socket's name in the folder is what living workers wait for.
  auto socket = wire::listen_at(folder_.worker_socket(), 0600);
  if (!socket.ok()) return socket.status();
  socket_ = socket.take();
  auto watched = loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); });
  if (!watched.ok()) return watched.status();
  watch_ = watched.take();
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
  expected.patience = loop_.at(now_ns() + patience, [this, number] {
    const Expected& late = expected_.at(number);
    if (late.worker.session)
      log::warn("session {}: its worker did not come to this daemon, and is ended", late.worker.session->session_id);
    kill_process(late.worker.process);  // its exit_watch does the rest
  });
  return Status();
}

void Adoption::accept_one() {
  UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  auto peer = identify_peer(fd.get());
  if (!peer.ok() || visitors_.size() >= visitors_max) return;
  const std::uint64_t id = next_visitor_++;
  Visitor& visitor = visitors_[id];
  visitor.socket = wire::MessageSocket(std::move(fd));
  visitor.peer = peer.take();
  visitor.deadline = loop_.at(now_ns() + greeting_ns_max, [this, id] { visitors_.erase(id); });
  auto watched = loop_.watch(visitor.socket.fd(), EPOLLIN, [this, id](std::uint32_t) { hear(id); });
  if (watched.ok()) visitor.watch = watched.take();
  else visitors_.erase(id);
}

void Adoption::hear(std::uint64_t visitor_id) {
  Visitor visitor = std::move(visitors_.at(visitor_id));
  visitors_.erase(visitor_id);
  visitor.watch.reset();
  auto message = visitor.socket.receive(0);
  if (!message.ok()) return;
  const auto decoded = decode_worker_message(message.value().bytes);
  if (!decoded.ok()) return log::warn("at the workers' socket: {}", decoded.status().message());
  const auto number = check(decoded.value(), visitor, message.value().fds.size());
  if (!number.ok())
    return log::warn("pid {} was not taken over: {}", visitor.peer.credentials.pid, number.status().message());
  const Status taken = take_over(number.value(), visitor, std::move(message.value().fds));
  if (taken.ok()) return forget(number.value());
  log::warn("session {} could not be taken over, and is ended: {}",
            expected_.at(number.value()).worker.session->session_id, taken.message());
  kill_process(expected_.at(number.value()).worker.process);
}

Result<std::uint32_t> Adoption::check(const WorkerMessage& message, const Visitor& visitor, std::size_t fds) const {
  const auto refuse = [](const char* why) { return Status(Code::permission_denied, why); };
  if (message.kind != WorkerMessageKind::adopt || fds < adopt_fds) return refuse("not a request to be taken over");
  if (!same_key(folder_.key(), message.key)) return refuse("it does not know the pool's key");
  const auto found = std::find_if(expected_.begin(), expected_.end(), [&](const auto& entry) {
    return entry.second.worker.process.pid == visitor.peer.credentials.pid;
  });
  if (found == expected_.end()) return refuse("no such worker is expected");
  const auto& noted = found->second.worker.session;
  if (!noted || !same_record(*noted, message.record)) return refuse("it speaks of another session than it was given");
  return found->first;
}

Status Adoption::take_over(std::uint32_t number, Visitor& visitor, std::vector<UniqueFd> fds) {
  Expected& expected = expected_.at(number);
  const SessionRecord& record = *expected.worker.session;
  auto meter = wire::SharedMemory::map(std::move(fds[adopt_fd_meter]), metering::meter_bytes);
  if (!meter.ok()) return meter.status();
  auto page = wire::SharedMemory::map(std::move(fds[adopt_fd_tenant]), tenant_page_bytes);
  if (!page.ok()) return page.status();
  WorkerMessage welcome;
  welcome.kind = WorkerMessageKind::adopted;
  if (Status sent = visitor.socket.send(encode_worker_message(welcome), {}, 0); !sent.ok()) return sent;
  const auto seat = seats_.adopt(record, page.take());
  if (!seat.ok()) return seat.status();
  Process process;
  process.pid = expected.worker.process.pid;
  process.pidfd = std::move(visitor.peer.pidfd);
  auto worker = pool_.adopt(number, record.device_index, std::move(process), std::move(visitor.socket));
  if (!worker.ok()) {
    seats_.leave(seat.value());
    return worker.status();
  }
  sessions_.adopt(record, seat.value(), *worker.value(), meter.take());
  return Status();
}

void Adoption::forget(std::uint32_t number) {
  expected_.erase(number);
  finish_if_done();
}

void Adoption::finish_if_done() {
  if (expected_.empty() && done_) std::exchange(done_, nullptr)();
}

void Adoption::give_up() {
  watch_.reset();
  socket_.reset();
  visitors_.clear();
  for (auto& [number, expected] : expected_) {
    end_process(expected.worker.process);
    folder_.worker_folder_removal(number)();
  }
  expected_.clear();
}

}  // namespace sluice::server
