#include "wire/transport/socket_channel.h"

namespace sluice::wire {

Status SocketChannel::send(std::span<const std::byte> bytes, Nanoseconds deadline_ns) {
  return socket_.send(bytes, {}, deadline_ns);
}

Result<std::vector<std::byte>> SocketChannel::receive(Nanoseconds deadline_ns) {
  return socket_.receive_bytes(deadline_ns);
}

}  // namespace sluice::wire
