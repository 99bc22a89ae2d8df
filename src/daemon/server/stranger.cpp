#include "daemon/server/stranger.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "daemon/server/process.h"

namespace sluice::server {
namespace {

// Linux 6.5; newer than Debian 12's headers.
#ifdef SO_PEERPIDFD
constexpr int so_peerpidfd = SO_PEERPIDFD;
#else
constexpr int so_peerpidfd = 77;
#endif

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

Result<Peer> identify_peer(int socket) {
  Peer peer;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return errno_status("ask who is at the other end", errno);
  peer.credentials = {credentials.pid, credentials.uid, credentials.gid};
  int pidfd = -1;
  size = sizeof pidfd;
  // The kernel's own pidfd cannot be of a later process with the same number; older kernels have only the number.
  if (getsockopt(socket, SOL_SOCKET, so_peerpidfd, &pidfd, &size) != 0)
    pidfd = errno == ENOPROTOOPT ? open_pidfd(credentials.pid).release() : -1;
  if (pidfd < 0) return Status(Code::not_found, "the process at the other end is gone");
  peer.pidfd.reset(pidfd);
  return peer;
}

StrangeMessage receive_from_stranger(int socket, std::size_t bytes_max) {
  StrangeMessage message;
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

Result<wire::MessageSocket> call_stranger(const std::string& path) {
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
