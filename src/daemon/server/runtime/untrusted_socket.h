// Messages from processes that the daemon does not trust, read without any risk to the event loop: nothing here blocks.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "wire/transport/message_socket.h"

namespace sluice::server {

// Closing the descriptors may block for as long as their sender likes: hand them to BlockingTasks.
struct UntrustedMessage {
  Status status;  // as MessageSocket::receive; deadline_exceeded: nothing has come yet
  std::vector<std::byte> bytes;
  std::vector<UniqueFd> fds;
};
// A message of more than `bytes_max` is a protocol_fault.
UntrustedMessage receive_untrusted(int socket, std::size_t bytes_max);

// Connects to a socket at which a worker listens. unavailable: it does not listen, or its queue is full.
Result<wire::MessageSocket> connect_untrusted(const std::string& path);

}  // namespace sluice::server
