#include "daemon/server/admin/admin_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

namespace sluice::server {
namespace {

using nlohmann::json;

constexpr int backlog = 16;
constexpr std::size_t piece_bytes = 16384;  // read at a time

json error_reply(const Status& status) {
  return {{"ok", false}, {"code", std::string(code_name(status.code()))}, {"error", status.message()}};
}

Result<UniqueFd> listen_stream(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Status(Code::invalid_argument, "socket path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_status("make a socket", errno);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return errno_status("remove the stale socket " + path, errno);
  // Born private: nobody else may slip in between bind and chmod.
  const mode_t mask = umask(0177);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int bind_error = errno;
  umask(mask);
  if (bound != 0) return errno_status("bind " + path, bind_error);
  if (listen(fd.get(), backlog) != 0) return errno_status("listen at " + path, errno);
  return fd;
}

std::optional<uid_t> peer_user(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof peer) return std::nullopt;
  return peer.uid;
}

}  // namespace

Status AdminListener::open(const std::string& path) {
  socket_ = SLUICE_TRY(listen_stream(path));
  watch_ = SLUICE_TRY(loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); }));
  return Status();
}

void AdminListener::close() {
  watch_.reset();
  socket_.reset();
  clients_.clear();
}

void AdminListener::accept_one() {
  UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  const std::optional<uid_t> uid = peer_user(fd.get());
  if (!uid || (*uid != 0 && *uid != geteuid())) {
    const std::string who = uid ? "uid " + std::to_string(*uid) : "somebody unknown";
    return refusals_.write("refused " + who + " at the admin socket", now_ns());
  }
  // The oldest has had its time; this also keeps the daemon from running out of descriptors here.
  if (clients_.size() >= clients_max) clients_.erase(clients_.begin());
  const std::uint64_t id = next_id_++;
  Client& client = clients_[id];
  client.socket = std::move(fd);
  client.deadline = loop_.at(now_ns() + request_ns_max, [this, id] { clients_.erase(id); });
  auto watched = loop_.watch(client.socket.get(), EPOLLIN, [this, id](std::uint32_t) { on_readable(id); });
  if (watched.ok()) client.watch = watched.take();
  else clients_.erase(id);
}

void AdminListener::on_readable(std::uint64_t id) {
  Client& client = clients_.at(id);
  char room[piece_bytes];
  const ssize_t count = recv(client.socket.get(), room, sizeof room, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    clients_.erase(id);
    return;
  }
  client.in.append(room, static_cast<std::size_t>(count));
  const std::size_t end = client.in.find('\n');
  if (end != std::string::npos) return answer(id, client.in.substr(0, end));
  if (client.in.size() > request_bytes_max) clients_.erase(id);
}

void AdminListener::answer(std::uint64_t id, const std::string& line) {
  Client& client = clients_.at(id);
  const json request = json::parse(line, nullptr, false);
  json reply;
  if (!request.is_object()) {
    reply = error_reply(Status(Code::invalid_argument, "a request is one JSON object on one line"));
  } else if (auto answered = answer_(request); answered.ok()) {
    reply = answered.take();
    reply["ok"] = true;
  } else {
    reply = error_reply(answered.status());
  }
  client.out = reply.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  client.deadline = loop_.at(now_ns() + answer_ns_max, [this, id] { clients_.erase(id); });
  client.watch.reset();
  auto watched = loop_.watch(client.socket.get(), EPOLLOUT, [this, id](std::uint32_t) { write_on(id); });
  if (watched.ok()) client.watch = watched.take();
  else clients_.erase(id);
}

void AdminListener::write_on(std::uint64_t id) {
  Client& client = clients_.at(id);
  const ssize_t count = send(client.socket.get(), client.out.data(), client.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) client.out.erase(0, static_cast<std::size_t>(count));
  if (count <= 0 || client.out.empty()) clients_.erase(id);
}

}  // namespace sluice::server
