#include "daemon/worker/daemon_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

namespace sluice::worker {
namespace {

constexpr Nanoseconds send_ns = ns_per_s;
constexpr int answer_ms = 10'000;

}  // namespace

DaemonLink::DaemonLink(wire::MessageSocket link, UniqueFd adoption_socket, AdoptionOffer offer)
    : link_(std::move(link)), adoption_socket_(std::move(adoption_socket)), offer_(std::move(offer)) {}

int DaemonLink::timeout_ms() const { return state_ == State::claiming ? answer_ms : -1; }

Status DaemonLink::attend() {
  if (state_ != State::alone) return attend_link();
  answer_new_daemon();
  return Status();
}

Status DaemonLink::attend_link() {
  auto received = link_.receive(now_ns());
  if (received.ok()) return on_message(received.take());
  if (received.status().code() == Code::deadline_exceeded && state_ == State::linked) return Status();
  log::info("the daemon is gone; the session goes on and waits for the next one");
  link_.close();
  state_ = State::alone;
  offer_.gone();
  return Status();
}

Status DaemonLink::on_message(wire::Message received) {
  const auto message = decode_worker_message(received.bytes);
  if (message.ok() && message.value().kind == WorkerMessageKind::ended)
    return Status(Code::permission_denied, "the daemon ended the session: " + message.value().text);
  if (message.ok() && message.value().kind == WorkerMessageKind::program_gone)
    return Status(Code::unavailable, "the program has gone");
  if (message.ok() && message.value().kind == WorkerMessageKind::give) return offer_.give(std::move(received.fds));
  if (!message.ok() || message.value().kind != WorkerMessageKind::adopted || state_ != State::claiming) return Status();
  SLUICE_TRY(offer_.followed(std::move(received.fds)));
  state_ = State::linked;
  log::info("a new daemon has taken over");
  return Status();
}

// Presents the session to the caller. Only the daemon's user can reach the socket's folder. The caller's user id is no
// use: in the worker's user namespace it is unmapped.
void DaemonLink::answer_new_daemon() {
  wire::MessageSocket caller{UniqueFd(accept4(adoption_socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))};
  if (!caller.valid()) return;
  if (!caller.send(encode_worker_message(offer_.claim), offer_.fds(), now_ns() + send_ns).ok()) return;
  link_ = std::move(caller);
  state_ = State::claiming;
}

void DaemonLink::send(const WorkerMessage& message) const {
  if (state_ != State::linked) return;
  (void)link_.send(encode_worker_message(message), {}, now_ns() + send_ns);
}

}  // namespace sluice::worker
