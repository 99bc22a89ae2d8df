#include "daemon/server/front/tenant_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "daemon/server/runtime/untrusted_socket.h"

namespace sluice::server {
namespace {

constexpr int accepts_per_round = 16;              // then others have their turn
constexpr Nanoseconds pause_ns = 100 * ns_per_ms;  // after the process ran out of descriptors

wire::AttachReply refusal(const Status& why) {
  wire::AttachReply reply;
  reply.code = static_cast<std::int32_t>(why.code());
  wire::set_text(reply.reason, why.message());
  return reply;
}

void send_refusal(const wire::MessageSocket& socket, const Status& why) {
  // A caller that does not listen needs no answer.
  (void)socket.send(wire::encode_attach_reply(refusal(why), {}), {}, 0);
}

}  // namespace

Status TenantListener::listen(const std::string& path, unsigned mode) {
  socket_ = SLUICE_TRY(wire::listen_at(path, mode));
  return Status();
}

Status TenantListener::open() {
  watch_ = SLUICE_TRY(loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { accept_some(); }));
  return Status();
}

void TenantListener::close() {
  pause_.reset();
  watch_.reset();
  socket_.reset();
  while (!callers_.empty()) {
    Caller& caller = *callers_.begin()->second;
    if (caller.asked) left.raise(caller);
    refuse(caller, Status(Code::unavailable, "the daemon is stopping"));
  }
}

// ---- letting in ----

void TenantListener::accept_some() {
  for (int i = 0; i < accepts_per_round; ++i)
    if (!accept_one()) return;
}

// False: nobody else is waiting, or there is no room.
bool TenantListener::accept_one() {
  UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) pause();
    return errno == ECONNABORTED || errno == EINTR;
  }
  auto peer = identify_peer(fd.get());
  if (peer.ok()) admit(std::move(fd), peer.take());
  return true;
}

// The socket stays readable while we cannot accept: looking at it would spin.
void TenantListener::pause() {
  log::warn("out of descriptors: new programs wait");
  watch_.reset();
  pause_ = loop_.at(now_ns() + pause_ns, [this] {
    if (Status opened = open(); !opened.ok()) pause();
  });
}

void TenantListener::admit(UniqueFd fd, Peer peer) {
  const unsigned uid = peer.credentials.uid;
  auto caller = std::make_unique<Caller>();
  caller->id = next_id_++;
  caller->socket = wire::MessageSocket(std::move(fd));
  caller->peer = std::move(peer);
  const std::size_t others = callers_of(uid);
  if (others >= 2 * callers_per_user_max || tasks_.stuck(uid)) return;
  // Refused only after its request was read: closing a socket with an unread request would lose it the answer.
  caller->over_limit = others >= callers_per_user_max;
  make_room();
  auto watched = loop_.watch(caller->socket.fd(), EPOLLIN | EPOLLRDHUP,
                             [this, c = caller.get()](std::uint32_t events) { on_readable(*c, events); });
  if (!watched.ok()) return send_refusal(caller->socket, watched.status());
  caller->watch = watched.take();
  caller->deadline = loop_.at(now_ns() + greeting_ns_max, [this, c = caller.get()] {
    refuse(*c, Status(Code::deadline_exceeded, "no request came"));
  });
  callers_.emplace(caller->id, std::move(caller));
}

void TenantListener::make_room() {
  if (callers_.size() < callers_max) return;
  const auto silent =
      std::find_if(callers_.begin(), callers_.end(), [](const auto& entry) { return !entry.second->asked; });
  if (silent != callers_.end()) drop(*silent->second);
}

std::size_t TenantListener::callers_of(unsigned uid) const {
  return static_cast<std::size_t>(std::count_if(callers_.begin(), callers_.end(), [uid](const auto& entry) {
    return entry.second->peer.credentials.uid == uid;
  }));
}

// ---- hearing ----

void TenantListener::on_readable(Caller& caller, std::uint32_t events) {
  if (caller.asked) {
    // There is nothing more to say: it has left, or does not keep to the protocol. Either way it is out.
    left.raise(caller);
    return drop(caller);
  }
  UntrustedMessage message = receive_untrusted(caller.socket.fd(), sizeof(wire::AttachRequest) + 1);
  if (message.status.code() == Code::deadline_exceeded && (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) == 0) return;
  const bool brings_descriptors = !message.fds.empty();
  if (brings_descriptors) close_in_background(caller.peer.credentials.uid, std::move(message.fds));
  if (message.status.code() == Code::protocol_fault) return refuse(caller, message.status);
  if (!message.status.ok()) return drop(caller);
  const auto request = wire::decode_attach_request(message.bytes);
  if (!request.ok()) return refuse(caller, request.status());
  if (brings_descriptors)
    return refuse(caller, Status(Code::protocol_fault, "an attach request may bring no descriptors"));
  if (caller.over_limit)
    return refuse(caller, Status(Code::exhausted, "too many programs of this user ask at the same time"));
  caller.asked = true;
  caller.request = request.value();
  caller.deadline.reset();
  asks.raise(caller);
}

// ---- answering ----

Status TenantListener::answer(Caller& caller, const wire::AttachReply& reply, const wire::DeviceTraits& traits,
                              std::span<const int> fds) {
  Status sent = caller.socket.send(wire::encode_attach_reply(reply, traits), fds, 0);
  drop(caller);
  return sent;
}

void TenantListener::refuse(Caller& caller, const Status& why) {
  send_refusal(caller.socket, why);
  drop(caller);
}

void TenantListener::drop(Caller& caller) {
  const auto node = callers_.extract(caller.id);
  const unsigned uid = caller.peer.credentials.uid;
  caller.watch.reset();
  caller.deadline.reset();
  std::vector<UniqueFd> fds;
  fds.push_back(caller.socket.take_fd());  // may hold messages with descriptors that nobody read
  close_in_background(uid, std::move(fds));
}

void TenantListener::close_in_background(unsigned uid, std::vector<UniqueFd> fds) {
  tasks_.run(uid, [held = std::make_shared<std::vector<UniqueFd>>(std::move(fds))] {});
}

}  // namespace sluice::server
