#include "wire/transport/socket_channel.h"

namespace sluice::wire {

Status SocketChannel::send(std::span<const std::byte> bytes, Nanoseconds deadline_ns) {
  return socket_.send(bytes, {}, deadline_ns);
}

Result<std::vector<std::byte>> SocketChannel::receive(Nanoseconds deadline_ns) {
  Message message = SLUICE_TRY(socket_.receive(deadline_ns));
  if (!message.fds.empty()) return Status(Code::protocol_fault, "a message with descriptors, where none may come");
  return std::move(message.bytes);
}

}  // namespace sluice::wire
