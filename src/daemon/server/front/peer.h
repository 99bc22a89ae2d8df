// Peer: the process at the other end of a connected socket, by the kernel's word.
#pragma once

#include "base/status.h"
#include "base/unique_fd.h"
#include "wire/transport/message_socket.h"

namespace sluice::server {

struct Peer {
  wire::PeerCredentials credentials;  // of the moment when it connected
  UniqueFd pidfd;
};

// not_found: it has ended already.
Result<Peer> identify_peer(int socket);

}  // namespace sluice::server
