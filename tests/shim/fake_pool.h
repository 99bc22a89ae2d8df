// FakePool: a daemon and a worker in two threads of the test's own process, for tests of the shim.
//
// It executes the memory commands for real, on bytes, in the order that the protocol promises, and lets a test hold
// commands back, make one fail, and die. A process has one session, so it has one FakePool: each TEST_CASE that wants
// its own runs in a process of its own, as ctest does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "wire/arena.h"
#include "wire/commands.h"
#include "wire/handshake.h"
#include "wire/ring.h"
#include "wire/timeline.h"
#include "wire/transport/message_socket.h"
#include "wire/transport/shared_memory.h"

namespace sluice::test {

struct FakePoolOptions {
  bool memory_in_arena = true;
  std::uint64_t memory_bytes = 256 << 20;
};

class FakePool {
 public:
  // Listens at a fresh socket and points SLUICE_SOCKET at it. Lives until the process ends.
  static FakePool& start(FakePoolOptions options = {});

  // Enqueued commands wait from now on; calls are answered still.
  void hold();
  void let_go();
  // The next enqueued command that would run ends with this outcome instead.
  void fail_next(wire::Outcome outcome);
  // Builds are not answered until then; all fail.
  void fail_builds();
  // As a kernel does.
  void print(std::string_view text);
  // Tells the program why its session ends.
  void end(std::string_view reason);
  // The worker is gone, as by kill -9.
  void die();

  std::size_t commands_seen(wire::Op op) const;
  std::uint64_t memory_used() const { return memory_used_; }
  // Ids of objects that the program has not released.
  std::size_t objects() const;
  wire::ControlPage& control() { return reader_->control(); }

 private:
  struct Command {
    std::vector<std::byte> bytes;
    template <typename T>
    T as() const {
      T value;
      std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof value);
      return value;
    }
    wire::Op op() const { return as<wire::CommandHeader>().op; }
    std::vector<wire::ObjectId> waits(std::size_t fixed_bytes) const;
  };
  struct Memory {
    std::byte* data = nullptr;
    std::uint64_t bytes = 0;
    std::vector<std::byte> own;
    bool counted = false;
    std::uint64_t row_pitch = 0, slice_pitch = 0;  // of images, whose pixels all have pixel_bytes
  };
  static constexpr std::uint64_t pixel_bytes = 4;
  struct Queue {
    wire::TimelineSlot* timeline = nullptr;
    bool out_of_order = false;
    std::uint64_t ended = 0;
    std::deque<Command> waiting;
  };

  FakePool() = default;
  void serve_attach();
  void work();
  void take(Command command);
  void create(const Command& command);
  void create_buffer(const wire::BufferCreate& command);
  void answer(const wire::CallHeader& call, wire::Outcome outcome);
  void answer_builds();
  bool run_some(Queue& queue);
  bool may_run(const Queue& queue, std::size_t index) const;
  void run(Queue& queue, const Command& command);
  wire::Outcome execute(const Command& command);
  void copy_rect(const wire::BufferRect& command, bool to_arena);
  void copy_pixels(const wire::ImageTransfer& command, bool to_arena);

  FakePoolOptions options_;
  UniqueFd listener_;
  wire::SharedMemory control_, arena_;
  wire::MessageSocket session_;
  UniqueFd output_;
  std::unique_ptr<wire::RingReader> reader_;
  std::map<wire::ObjectId, std::shared_ptr<Memory>> memory_;
  std::map<wire::ObjectId, std::shared_ptr<Queue>> queues_;
  std::map<wire::ObjectId, bool> events_;  // id -> failed; present once ended
  std::atomic<std::uint64_t> memory_used_{0};
  std::atomic<bool> held_{false}, dead_{false}, builds_fail_{false};
  std::vector<wire::CallHeader> builds_;  // that were not answered yet
  std::atomic<std::int32_t> fail_next_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::map<wire::Op, std::size_t> seen_;
  std::set<wire::ObjectId> objects_;
};

}  // namespace sluice::test
