// Talking with processes that nobody trusts: who they are, and what they send, at no risk to the daemon's one thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "wire/message_socket.h"

namespace sluice::server {

// The process at the other end of a connected socket.
struct Peer {
  wire::PeerCredentials credentials;
  UniqueFd pidfd;
};
// not_found: it is gone already.
Result<Peer> identify_peer(int socket);

// What a stranger sent. Closing its descriptors may block for as long as their owner likes: hand them to Aside.
struct StrangeMessage {
  Status status;  // as MessageSocket::receive; deadline_exceeded: nothing has come yet
  std::vector<std::byte> bytes;
  std::vector<UniqueFd> fds;
};
// Never blocks. A message of more than `bytes_max` is a protocol_fault.
StrangeMessage receive_from_stranger(int socket, std::size_t bytes_max);

// Connects to a socket at which a worker listens. unavailable: nobody does, or its queue is full: never blocks.
Result<wire::MessageSocket> call_stranger(const std::string& path);

}  // namespace sluice::server
