// Channel: carries the control messages of one session between the program and its worker, whole and in order.
//
// Nothing on it is urgent: commands go through the ring. Not thread-safe. Implemented by SocketChannel where both sides
// run under one kernel.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace sluice::wire {

class Channel {
 public:
  virtual ~Channel() = default;

  // Sends one message of 1 to message_bytes_max bytes. Blocks at most until `deadline_ns` (CLOCK_MONOTONIC).
  // deadline_exceeded; unavailable: the peer is gone.
  virtual Status send(std::span<const std::byte> bytes, Nanoseconds deadline_ns) = 0;
  // The next message. deadline_exceeded: none came in time; unavailable: the peer is gone; protocol_fault: the message
  // is too long, or brings more than bytes.
  virtual Result<std::vector<std::byte>> receive(Nanoseconds deadline_ns) = 0;
  // A descriptor of this process that poll(2) finds readable when a message has come or the peer has gone. Owned by the
  // channel; -1 after close().
  virtual int poll_fd() const = 0;
  // The peer sees this side as gone.
  virtual void close() = 0;
};

}  // namespace sluice::wire
