// SocketChannel: the channel between two processes of one machine, over a connected Unix socket.
//
// Descriptors do not pass over it: the kernel closes those that a peer sends, and the message is refused.
#pragma once

#include "wire/transport/channel.h"
#include "wire/transport/message_socket.h"

namespace sluice::wire {

class SocketChannel final : public Channel {
 public:
  explicit SocketChannel(MessageSocket socket) : socket_(std::move(socket)) {}

  Status send(std::span<const std::byte> bytes, Nanoseconds deadline_ns) override;
  Result<std::vector<std::byte>> receive(Nanoseconds deadline_ns) override;
  int poll_fd() const override { return socket_.fd(); }
  void close() override { socket_.close(); }

 private:
  MessageSocket socket_;
};

}  // namespace sluice::wire
