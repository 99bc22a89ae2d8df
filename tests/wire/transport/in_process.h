// A second transport, for tests: the two sides of a session in one process, which share memory and nothing else.
//
//  - region: memory without seals, mapped once for each side, at two addresses.
//  - doorbell: each wake-up is a message. A thread of the side that it is for receives it, and wakes by its own
//  mapping.
//    Futexes find their sleepers by address, so none passes from one side to the other.
//  - channel: messages in a queue. A descriptor cannot be sent.
//  - clock: the worker's shows another time than the program's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "base/unique_fd.h"
#include "wire/transport/channel.h"
#include "wire/transport/doorbell.h"
#include "wire/transport/peer_clock.h"
#include "wire/transport/region.h"

namespace sluice::test {

// Zeroed memory that has two addresses.
class TwiceMapped {
 public:
  explicit TwiceMapped(std::size_t bytes);
  ~TwiceMapped();
  TwiceMapped(const TwiceMapped&) = delete;
  TwiceMapped& operator=(const TwiceMapped&) = delete;
  std::span<std::byte> program() const { return {program_, bytes_}; }
  std::span<std::byte> worker() const { return {worker_, bytes_}; }

 private:
  const std::size_t bytes_;
  std::byte *program_ = nullptr, *worker_ = nullptr;
};

// Where a word lies in the memory of one side, and so in that of the other.
struct WordPlace {
  std::size_t region = 0, offset = 0;
};

// Wake-ups on their way to one side, and the thread that receives them there.
class WakeReceiver {
 public:
  explicit WakeReceiver(std::vector<std::span<std::byte>> regions);
  ~WakeReceiver();
  void send(const WordPlace& place);
  std::size_t received() const;
  // Must be set before the first message. The doorbell of the receiving side.
  void set_doorbell(wire::Doorbell doorbell) { doorbell_ = doorbell; }

 private:
  void run();

  const std::vector<std::span<std::byte>> regions_;
  wire::Doorbell doorbell_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<WordPlace> waiting_;
  std::size_t received_ = 0;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

// One side's sender: finds a word's place in its own mappings.
class WakeSender final : public wire::DoorbellSender {
 public:
  WakeSender(std::vector<std::span<std::byte>> regions, WakeReceiver& peer)
      : regions_(std::move(regions)), peer_(peer) {}
  void send_wake(const wire::FutexWord& word) override;

 private:
  const std::vector<std::span<std::byte>> regions_;
  WakeReceiver& peer_;
};

// Two ends of a channel.
std::pair<std::unique_ptr<wire::Channel>, std::unique_ptr<wire::Channel>> make_channel();

class InProcessTransport {
 public:
  InProcessTransport(std::size_t control_bytes, std::size_t arena_bytes, std::int64_t worker_ahead_ns = 0);

  struct Side {
    std::span<std::byte> control, arena;
    wire::Doorbell doorbell;
    std::unique_ptr<wire::Channel> channel;
  };
  Side program, worker;
  // The worker's clock, as the program knows it and as the worker reads it.
  wire::PeerClock worker_clock() const { return wire::PeerClock(worker_ahead_ns_); }
  Nanoseconds worker_now_ns() const { return now_ns() + static_cast<Nanoseconds>(worker_ahead_ns_); }
  std::size_t wakes_received() const { return to_program_.received() + to_worker_.received(); }

 private:
  const std::int64_t worker_ahead_ns_;
  const TwiceMapped control_, arena_;
  WakeReceiver to_program_, to_worker_;
  WakeSender from_program_, from_worker_;
};

}  // namespace sluice::test
