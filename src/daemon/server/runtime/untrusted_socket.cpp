#include "daemon/server/runtime/untrusted_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace sluice::server {
namespace {

// As many descriptors as the kernel lets one message carry (SCM_MAX_FD): those beyond the room given would be closed
// by the kernel, on this thread.
constexpr std::size_t kernel_fds_max = 253;

union ControlRoom {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * kernel_fds_max)];
};

std::vector<UniqueFd> take_fds(msghdr& header) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; at + sizeof(int) <= part->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

UntrustedMessage receive_untrusted(int socket, std::size_t bytes_max) {
  UntrustedMessage message;
  message.bytes.resize(bytes_max);
  ControlRoom control{};
  iovec part{message.bytes.data(), message.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  ssize_t received = -1;
  do received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (received < 0 && errno == EINTR);
  if (received < 0) {
    const bool nothing = errno == EAGAIN || errno == EWOULDBLOCK;
    message.status = nothing ? Status(Code::deadline_exceeded, "nothing has come") : errno_status("receive", errno);
    return message;
  }
  message.fds = take_fds(header);
  message.bytes.resize(static_cast<std::size_t>(received));
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    message.status = Status(Code::protocol_fault, "a message longer than allowed");
  else if (received == 0) message.status = Status(Code::unavailable, "the other side closed the connection");
  return message;
}

Result<wire::MessageSocket> connect_untrusted(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Status(Code::invalid_argument, "too long for a socket: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_status("make a socket", errno);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Status(Code::unavailable, errno_status("connect to " + path, errno).message());
  return wire::MessageSocket(std::move(fd));
}

}  // namespace sluice::server
