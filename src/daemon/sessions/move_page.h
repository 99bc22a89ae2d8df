// MovePage: the word that decides on which worker a session is while it moves, and how far the move is.
//
// The daemon makes the page and gives it to both workers, which can write it as well. The word begins as *prepared*.
// The daemon alone sets *committed*, once the target says that it has all of the session; the source or the daemon sets
// *aborted*. Each is set once, by compare-and-swap, and never changes after. Only the worker that the word names reads
// the session's ring and writes its slots: the source before a commit and after an abort, the target after a commit.
//
// Workers are hostile. One that writes another word harms the session that it serves, and no other: what the daemon
// does follows from its own compare-and-swap alone (commit(), abort()). Progress is for people.
//
// All methods are thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "wire/transport/futex.h"
#include "wire/transport/shared_memory.h"

namespace sluice {

enum class MoveState : std::uint32_t { prepared = 1, committed = 2, aborted = 3 };

// What the source is doing, in this order.
enum class MoveStage : std::uint32_t { asked, copies, switches };

struct MovePage {
  wire::FutexWord word;  // MoveState
  std::atomic<std::uint32_t> stage;
  std::atomic<std::uint64_t> bytes_sent, bytes_known;  // of the session's state; both grow
};
inline constexpr std::size_t move_page_bytes = 4096;
static_assert(sizeof(MovePage) <= move_page_bytes);

class MoveWord {
 public:
  // The daemon's.
  static Result<MoveWord> make();
  // A worker's. protocol_fault: it is no such page.
  static Result<MoveWord> map(UniqueFd fd);

  // Anything else than the three is aborted: somebody who may not has written it.
  MoveState state() const;
  // True: this call, or one before it, has decided so. False: the other was decided.
  bool commit() { return decide(MoveState::committed); }
  bool abort() { return decide(MoveState::aborted); }
  // Waits until it is decided, or `deadline_ns` (CLOCK_MONOTONIC) has passed; returns state().
  MoveState wait(Nanoseconds deadline_ns) const;

  // Of the page that peers write: what it says is bounded by nothing.
  MovePage& page() const { return *reinterpret_cast<MovePage*>(memory_.data()); }
  int fd() const { return memory_.fd(); }

 private:
  explicit MoveWord(wire::SharedMemory memory) : memory_(std::move(memory)) {}
  bool decide(MoveState state);
  wire::SharedMemory memory_;
};

}  // namespace sluice
