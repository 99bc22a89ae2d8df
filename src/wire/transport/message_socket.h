// Whole messages with file descriptors over a Unix SOCK_SEQPACKET socket.
//
// Used for every handshake, program to daemon and daemon to worker, and by SocketChannel. A message is received into a
// buffer of fixed size: a longer one is a protocol fault, never a partial read. Not thread-safe; one owner per socket.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::wire {

inline constexpr std::size_t message_bytes_max = 128 * 1024;
inline constexpr std::size_t message_fds_max = 12;

struct Message {
  std::vector<std::byte> bytes;
  std::vector<UniqueFd> fds;  // all close-on-exec
};

// The kernel's word about the process at the other end.
struct PeerCredentials {
  int pid = 0;
  unsigned uid = 0;
  unsigned gid = 0;
};

class MessageSocket {
 public:
  MessageSocket() = default;
  explicit MessageSocket(UniqueFd fd) : fd_(std::move(fd)) {}

  // unavailable: no process listens there, or the listener has not had time for 10 s. The path must fit sockaddr_un
  // (107 bytes).
  static Result<MessageSocket> connect(const std::string& path);
  static Result<std::pair<MessageSocket, MessageSocket>> pair();

  // REQUIRES: bytes is not empty; an empty message cannot be told from a closed connection.
  // Blocks for at most until `deadline_ns`. unavailable: the peer is gone.
  Status send(std::span<const std::byte> bytes, std::span<const int> fds, Nanoseconds deadline_ns) const;

  // deadline_exceeded, unavailable (the peer closed), or protocol_fault (too long, or more descriptors than allowed).
  Result<Message> receive(Nanoseconds deadline_ns) const;
  // The same from a peer that may send no descriptors. protocol_fault if it sent some, too: the kernel has closed them,
  // and none was ever open in this process.
  Result<std::vector<std::byte>> receive_bytes(Nanoseconds deadline_ns) const;

  Result<PeerCredentials> peer() const;
  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  UniqueFd take_fd() { return std::move(fd_); }
  void close() { fd_.reset(); }

 private:
  struct Received;
  Result<Received> receive_with(std::span<std::byte> descriptor_room, Nanoseconds deadline_ns) const;
  UniqueFd fd_;
};

// A socket bound to `path`, replacing a stale socket there; listen(2) is the caller's. mode: permissions of the socket
// file.
Result<UniqueFd> bind_at(const std::string& path, unsigned mode);

// The same, and listens. The kernel refuses descriptors that a connecting process would send (EPERM), so that this
// process never has to close them; kernels before Linux 6.16 let them through.
Result<UniqueFd> listen_at(const std::string& path, unsigned mode);

}  // namespace sluice::wire
