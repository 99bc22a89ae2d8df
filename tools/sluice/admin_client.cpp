#include "tools/sluice/admin_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "tools/sluice/commands.h"
#include "tools/sluice/exit_codes.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr timeval patience{10, 0};
constexpr std::size_t reply_bytes_max = 64 << 20;

Result<UniqueFd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Status(Code::invalid_argument, "socket path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno_status("make a socket", errno);
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  if (errno == EACCES || errno == EPERM) return Status(Code::permission_denied, path);
  return Status(Code::unavailable, errno == ENOENT ? path : path + " (" + std::strerror(errno) + ")");
}

Status gone(const char* what) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Status(Code::deadline_exceeded, "the daemon does not answer");
  return errno_status(what, errno);
}

Result<json> converse(int socket, const json& request) {
  const std::string line = request.dump() + "\n";
  if (send(socket, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return gone("ask the daemon");
  std::string text;
  char room[16384];
  while (text.find('\n') == std::string::npos) {
    const ssize_t count = recv(socket, room, sizeof room, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return gone("hear the daemon's answer");
    if (count == 0 || text.size() > reply_bytes_max)
      return Status(Code::protocol_fault, "the daemon broke off in the middle of its answer");
    text.append(room, static_cast<std::size_t>(count));
  }
  json reply = json::parse(text, nullptr, false);
  if (!reply.is_object() || !reply.contains("ok") || !reply["ok"].is_boolean())
    return Status(Code::protocol_fault, "the daemon's answer makes no sense");
  return reply;
}

int exit_code_of(Code code) {
  switch (code) {
    case Code::permission_denied: return exit_no_permission;
    case Code::protocol_fault: return exit_protocol;
    case Code::invalid_argument: return exit_usage;
    default: return exit_unavailable;
  }
}

}  // namespace

Result<json> ask(const std::vector<std::string>& sockets, const json& request) {
  std::string tried;
  std::string denied;
  for (const std::string& path : sockets) {
    const auto socket = connect_to(path);
    if (socket.ok()) return converse(socket.value().get(), request);
    if (socket.status().code() == Code::permission_denied) denied = path;
    else if (socket.status().code() == Code::unavailable)
      tried += (tried.empty() ? "" : " or ") + socket.status().message();
    else return socket.status();
  }
  if (!denied.empty())
    return Status(Code::permission_denied, "the pool at " + denied + " answers only to its owner: try with sudo");
  return Status(Code::unavailable,
                "no daemon answers at " + tried + "; start one with 'sluiced' (root) or 'sluiced --user'");
}

int ask_or_complain(const std::vector<std::string>& sockets, const json& request, json& reply) {
  auto answer = ask(sockets, request);
  if (!answer.ok()) return complain(exit_code_of(answer.status().code()), answer.status().message());
  reply = answer.take();
  if (!reply["ok"].get<bool>())
    return complain(exit_refused, reply.value("error", "the daemon refused, and did not say why"));
  reply.erase("ok");
  return exit_ok;
}

}  // namespace sluice::cli
