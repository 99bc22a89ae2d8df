// The ring: one session's commands, from the program to its worker.
//
// A byte ring in the control memory. Many threads of the program write, under a lock of the writer's own; one thread
// of the worker reads. Positions are 64-bit counters that never wrap; only the writer advances `written`, only the
// reader `read`. Layout of the control memory: a ControlPage at 0, the ring's bytes at ring_at.
//
// The reader trusts nothing in this memory: it keeps its own position, copies each command out once and checks the
// copy. Commands wrap around the end of the ring; the copy joins them. The writer believes the reader's position: a
// worker that lies about it can only spoil commands of its own session.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "base/status.h"
#include "wire/commands.h"
#include "wire/transport/doorbell.h"

namespace sluice::wire {

inline constexpr std::size_t ring_at = 4096;
inline constexpr std::size_t ring_bytes = 1024 * 1024;
inline constexpr std::size_t control_bytes = ring_at + ring_bytes;

struct ControlPage {
  alignas(64) std::atomic<std::uint64_t> written;
  std::atomic<std::uint64_t> urgent;  // `written` after the last command that is not enqueued, or while a writer waits
  alignas(64) std::atomic<std::uint64_t> read;
  alignas(64) FutexWord reader_sleeps;  // Sleeps
  alignas(64) FutexWord writer_sleeps;  // Sleeps: wake the writers after reading
  // Threads that wait for the next completion of any command (timeline.h) sleep on completion_seq.
  alignas(64) FutexWord completion_wanted;
  FutexWord completion_seq;
  // 1: the worker's arena lies at AttachReply::arena_address. Set before the program is told of its session.
  alignas(64) std::atomic<std::uint32_t> arena_at_home;
  // Bytes that the program copied itself, straight into and out of the arena: as its shim reports them.
  alignas(64) std::atomic<std::uint64_t> host_bytes_in;
  std::atomic<std::uint64_t> host_bytes_out;
};
enum Sleeps : std::uint32_t { sleeps_not = 0, sleeps_until_any = 1, sleeps_until_urgent = 2 };
static_assert(sizeof(ControlPage) <= ring_at && offsetof(ControlPage, reader_sleeps) == 128 &&
              offsetof(ControlPage, completion_wanted) == 256);

class RingWriter {
 public:
  // `control` is this side's mapping of the control memory, and outlives the writer. REQUIRES: it has control_bytes
  // bytes.
  RingWriter(std::span<std::byte> control, Doorbell doorbell);

  // Appends one command made of up to three parts, whole and in order; wakes the reader if it sleeps and wants to know.
  // Blocks while the ring is full. Thread-safe. False if `stop()` was called: nothing was or will be written.
  // REQUIRES: the parts add up to a multiple of 8, at most command_bytes_max; the first one holds the CommandHeader.
  bool post(std::span<const std::byte> head, std::span<const std::byte> middle = {},
            std::span<const std::byte> tail = {});

  // Ends every post, now and later: the reader is gone. Thread-safe.
  void stop();

  // The lock that orders posts, for callers who must mint a sequence number and post as one step:
  // `std::lock_guard lock(ring.order()); ...; ring.post_locked(...)`.
  std::mutex& order() { return order_; }
  bool post_locked(std::span<const std::byte> head, std::span<const std::byte> middle = {},
                   std::span<const std::byte> tail = {});

  ControlPage& control() { return *control_; }

 private:
  bool wait_for_space(std::size_t bytes);
  void copy_in(std::uint64_t position, std::span<const std::byte> bytes);
  void wake_reader(bool urgent);

  const Doorbell doorbell_;
  ControlPage* control_;
  std::byte* ring_;
  std::mutex order_;
  std::uint64_t written_ = 0;    // guarded by order_
  std::uint64_t read_seen_ = 0;  // guarded by order_
  std::atomic<bool> stopped_{false};
};

class RingReader {
 public:
  // As for RingWriter.
  RingReader(std::span<std::byte> control, Doorbell doorbell);

  // The bytes that were read, since the ring began. Another reader can go on from there; what a wrong position tells it
  // of the past is no more than a writer could tell it.
  std::uint64_t position() const { return read_; }
  void resume_at(std::uint64_t position) { read_ = position; }

  // True if a command waits. Never blocks.
  bool ready() const;

  // Copies the next command out. Empty: none waits. protocol_fault: the writer broke the rules; the session is over.
  // The span is valid until the next call.
  Result<std::span<const std::byte>> next();

  struct Rest {
    FutexWord* also = nullptr;  // ends the wait, too, when it is not `also_seen`
    std::uint32_t also_seen = 0;
    Nanoseconds deadline_ns = no_deadline;  // of the sleep
    bool full = false;                      // commands that wait are left alone
    bool spins = true;                      // before it sleeps
    bool urgent_only = false;               // enqueued commands do not end it: others wait before them
  };
  // Spins politely if told to, then sleeps until a command waits, `wake()` is called, or for no reason.
  void wait(const Rest& rest);
  void wait() { wait(Rest{}); }
  // Ends the wait of the reader's thread, or the next one if it is not waiting. Thread-safe.
  void wake();

  ControlPage& control() { return *control_; }

 private:
  bool urgent() const;

  const Doorbell doorbell_;
  ControlPage* control_;
  const std::byte* ring_;
  std::uint64_t read_ = 0;
  std::atomic<bool> woken_{false};
  alignas(8) std::array<std::byte, command_bytes_max> command_;
};

}  // namespace sluice::wire
