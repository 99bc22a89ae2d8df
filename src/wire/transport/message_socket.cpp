#include "wire/transport/message_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::wire {
namespace {

constexpr int so_passrights = 83;  // Linux 6.16; newer than some headers

// How long connect() may block on a listener whose queue is full.
constexpr timeval connect_time_max{10, 0};

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Status(Code::invalid_argument, "socket path is longer than 107 bytes: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Status wait_for(int fd, short events, Nanoseconds deadline_ns) {
  for (;;) {
    int timeout_ms = -1;
    if (deadline_ns != UINT64_MAX) {
      const Nanoseconds now = now_ns();
      if (now >= deadline_ns) return Status(Code::deadline_exceeded, "the other side did not answer in time");
      timeout_ms = static_cast<int>(std::min<Nanoseconds>((deadline_ns - now) / ns_per_ms + 1, 60'000));
    }
    pollfd poll_fd{fd, events, 0};
    const int ready = ::poll(&poll_fd, 1, timeout_ms);
    if (ready > 0) return Status();
    if (ready < 0 && errno != EINTR) return errno_status("wait for a socket", errno);
  }
}

// The control part of a message: at most message_fds_max descriptors.
union ControlBuffer {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * message_fds_max)];
};

std::vector<UniqueFd> take_descriptors(msghdr& header) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Result<MessageSocket> MessageSocket::connect(const std::string& path) {
  const sockaddr_un address = SLUICE_TRY(address_of(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno_status("make a socket", errno);
  // Sends never block (MSG_DONTWAIT): this deadline is connect's alone.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &connect_time_max, sizeof connect_time_max);
  const auto* target = reinterpret_cast<const sockaddr*>(&address);
  int error = 0;
  do error = ::connect(fd.get(), target, sizeof(sockaddr_un)) == 0 ? 0 : errno;
  while (error == EINTR);
  if (error == 0) return MessageSocket(std::move(fd));
  Status status = errno_status("connect to " + path, error);
  return error == ENOENT || error == EAGAIN ? Status(Code::unavailable, status.message()) : status;
}

Result<std::pair<MessageSocket, MessageSocket>> MessageSocket::pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    return errno_status("make a pair of sockets", errno);
  return std::make_pair(MessageSocket(UniqueFd(fds[0])), MessageSocket(UniqueFd(fds[1])));
}

Status MessageSocket::send(std::span<const std::byte> bytes, std::span<const int> fds, Nanoseconds deadline_ns) const {
  if (bytes.empty() || bytes.size() > message_bytes_max || fds.size() > message_fds_max)
    return Status(Code::invalid_argument, "message empty or too long");
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ControlBuffer control{};
  if (!fds.empty()) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(fd_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return Status();
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return errno_status("send a message", errno);
    SLUICE_TRY(wait_for(fd_.get(), POLLOUT, deadline_ns));
  }
}

struct MessageSocket::Received {
  Message message;
  int flags = 0;

  // Of a message that is not whole.
  Status check() const {
    if (message.bytes.empty()) return Status(Code::unavailable, "the other side closed the connection");
    if ((flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) return Status();
    return Status(Code::protocol_fault, "message longer than allowed, or with too many descriptors");
  }
};

// The descriptors of a wrong message are taken, too: they are open in this process by then.
Result<MessageSocket::Received> MessageSocket::receive_with(std::span<std::byte> descriptor_room,
                                                            Nanoseconds deadline_ns) const {
  Received received;
  std::vector<std::byte>& bytes = received.message.bytes;
  bytes.resize(message_bytes_max);
  iovec part{bytes.data(), bytes.size()};
  for (;;) {
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = descriptor_room.data();
    header.msg_controllen = descriptor_room.size();
    const ssize_t length = ::recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length >= 0) {
      bytes.resize(static_cast<std::size_t>(length));
      received.message.fds = take_descriptors(header);
      received.flags = header.msg_flags;
      return received;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return errno_status("receive a message", errno);
    SLUICE_TRY(wait_for(fd_.get(), POLLIN, deadline_ns));
  }
}

Result<Message> MessageSocket::receive(Nanoseconds deadline_ns) const {
  ControlBuffer room{};
  Received received = SLUICE_TRY(receive_with(std::as_writable_bytes(std::span(room.bytes)), deadline_ns));
  SLUICE_TRY(received.check());
  return std::move(received.message);
}

Result<std::vector<std::byte>> MessageSocket::receive_bytes(Nanoseconds deadline_ns) const {
  Received received = SLUICE_TRY(receive_with({}, deadline_ns));
  SLUICE_TRY(received.check());
  return std::move(received.message.bytes);
}

Result<PeerCredentials> MessageSocket::peer() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return errno_status("ask who is at the other end", errno);
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

Result<UniqueFd> bind_at(const std::string& path, unsigned mode) {
  const sockaddr_un address = SLUICE_TRY(address_of(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_status("make a socket", errno);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_status("remove the stale socket " + path, errno);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_un)) != 0)
    return errno_status("bind " + path, errno);
  if (::chmod(path.c_str(), mode) != 0) return errno_status("set the permissions of " + path, errno);
  return fd;
}

Result<UniqueFd> listen_at(const std::string& path, unsigned mode) {
  UniqueFd fd = SLUICE_TRY(bind_at(path, mode));
  const int off = 0;  // accepted sockets inherit this
  (void)setsockopt(fd.get(), SOL_SOCKET, so_passrights, &off, sizeof off);
  if (::listen(fd.get(), 256) != 0) return errno_status("listen at " + path, errno);
  return fd;
}

}  // namespace sluice::wire
