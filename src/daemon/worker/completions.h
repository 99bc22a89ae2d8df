// Completions: how the end of each command becomes visible to the program, in the right order.
//
// Drivers report ends on threads of their own and not always in the order of the queue. Each queue keeps its commands
// in a list; of an in-order queue only the finished front of it is published: each command's event slot, then the
// queue's timeline. A command that was never submitted because it was wrong takes its place in the list like any other.
//
// Across queues a driver may report a command before one that it waited for: the thread that ran the earlier one starts
// the later one first, and reports then. The program would see a marker complete and an event in its wait list not, so
// a command is shown after all that it waited for (show_after).
//
// No lock: each thread that finishes a command takes a ticket. The thread with the first ticket publishes for all,
// until no ticket is left. Only the command thread calls begin(), open() and close(); any thread may call completed().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/free_list.h"
#include "daemon/backends/backend.h"
#include "daemon/metering/meter_page.h"
#include "daemon/worker/build_watch.h"
#include "daemon/worker/gate.h"
#include "daemon/worker/host_budget.h"
#include "wire/timeline.h"

namespace sluice::worker {

class QueueProgress;

enum class Work : std::uint8_t { other, launch, to_device, from_device };

struct InFlight;

// A command that is not to be shown before another. Made and used by Completions.
struct Follower {
  Follower* next_free = nullptr;  // FreeList
  Follower* next = nullptr;       // of the same earlier command
  InFlight* command = nullptr;
};

// One command between begin() and its publication, or for as long as an InFlightRef refers to it.
struct InFlight {
  InFlight* next_free = nullptr;         // FreeList
  std::atomic<InFlight*> next{nullptr};  // the queue's next command
  QueueProgress* queue = nullptr;
  wire::EventSlot* event = nullptr;  // null: the program holds no event
  wire::Outcome outcome = wire::Outcome::ok;
  std::atomic<bool> finished{false};
  Work work = Work::other;
  std::uint64_t sequence = 0;
  std::uint64_t bytes = 0;  // moved, where work is to_device or from_device
  wire::CommandTimes times;
  std::unique_ptr<std::byte[]> data;  // of a write whose data came with the command
  HostCharge data_charge;             // for it

  bool admitted = false;  // through the gate
  Nanoseconds estimate_ns = 0;
  DurationKey duration_key;
  // A launch that was cut. Of a piece: the command that it is part of, and how many of its work-items it has. Of the
  // command, which is its own last piece: what is known of those before.
  InFlight* whole = nullptr;
  std::uint64_t piece_items = 0;  // 0: all
  // What its end still waits for: its own end on the device, those of its pieces, and earlier commands to be shown.
  std::atomic<std::uint32_t> missing{1};
  std::atomic<Nanoseconds> first_started_ns{0};
  std::atomic<wire::Outcome> piece_outcome{wire::Outcome::ok};

  bool after_all = false;                     // of an out-of-order queue: shown after all that began before it
  bool referenced = false;                    // by an InFlightRef, at some time
  std::atomic<int> references{1};             // the queue's list, and InFlightRefs
  std::atomic<Follower*> followers{nullptr};  // once it is shown: Completions::shown()
  InFlight* next_to_finish = nullptr;

  std::uint64_t token() const { return reinterpret_cast<std::uint64_t>(this); }
};

class Completions;

// Keeps a command that was begun for others to be shown after, past its end. Move-only; the command thread's, and gone
// before the Completions.
class InFlightRef {
 public:
  InFlightRef() = default;
  InFlightRef(Completions& completions, InFlight& command);
  InFlightRef(InFlightRef&& other) noexcept
      : completions_(other.completions_), command_(std::exchange(other.command_, nullptr)) {}
  InFlightRef& operator=(InFlightRef&& other) noexcept {
    std::swap(completions_, other.completions_);
    std::swap(command_, other.command_);
    return *this;
  }
  ~InFlightRef();

  // Null: none is held.
  InFlight* get() const { return command_; }

 private:
  Completions* completions_ = nullptr;
  InFlight* command_ = nullptr;
};

// The commands of one queue. Made and used by Completions.
class QueueProgress {
 public:
  // Sequence number of the last command that was begun. The command thread's.
  std::uint64_t begun() const { return begun_; }

 private:
  friend class Completions;
  // Something to let go of when all commands up to `sequence` have ended.
  struct Held {
    std::uint64_t sequence;
    std::shared_ptr<const void> thing;
  };
  static constexpr std::uint64_t never = UINT64_MAX;

  wire::TimelineSlot* timeline_ = nullptr;
  bool out_of_order_ = false;
  bool closed_ = false;

  InFlight* newest_ = nullptr;  // the command thread's
  InFlightRef barrier_;         // the command thread's: the newest one of an out-of-order queue
  std::uint64_t begun_ = 0;     // the command thread's
  alignas(64) std::atomic<std::uint32_t> tickets_{0};
  InFlight* last_published_ = nullptr;  // the publisher's, and so is what follows
  std::uint64_t ended_count_ = 0;
  std::atomic<std::uint64_t> ended_{0};        // all commands up to this one have ended
  std::atomic<std::uint64_t> held_at_{never};  // the lowest sequence in held_
  std::mutex held_mutex_;
  std::deque<Held> held_;  // guarded by held_mutex_, by rising sequence
};

class Completions final : public backend::CompletionSink {
 public:
  // Begun and not ended, blocked ones with them: beyond what the gate and the budget of blocked ones let there be.
  static constexpr std::size_t in_flight_max = 1 << 19;
  // Released objects that wait for commands in flight.
  static constexpr std::size_t releases_max = 1 << 20;

  // All outlive this object. `doorbell` wakes the program. data_bytes_max: of writes whose data came with the command.
  Completions(wire::ControlPage& control, wire::Doorbell doorbell, metering::MeterPage& meter, Gate& gate,
              std::uint64_t data_bytes_max = HostLimits().data)
      : control_(control), doorbell_(doorbell), meter_(meter), gate_(gate), data_budget_(data_bytes_max) {}

  wire::Doorbell doorbell() const { return doorbell_; }

  // Compiles at a first launch are watched from now on.
  void watch_builds(BuildWatch& builds) { builds_ = &builds; }

  // Whether a write that brings so much data may go to the device now. Room appears when a command that brought data
  // ends, before the gate is told of that end.
  bool has_room(std::uint64_t data_bytes) const { return data_budget_.fits(data_bytes); }
  // The command keeps `data` until it has ended.
  void keep(InFlight& command, std::unique_ptr<std::byte[]> data, std::uint64_t bytes);

  QueueProgress& open(wire::TimelineSlot& timeline, bool out_of_order);
  // The queue takes no more commands; it goes when the last one has ended.
  void close(QueueProgress& queue);

  // The next command of a queue. To be followed by exactly one completed() with its token.
  InFlight& begin(QueueProgress& queue, wire::EventSlot* event);
  // `command`, which is not submitted yet, is shown after `earlier`. At once if that was shown.
  void show_after(InFlight& command, const InFlightRef& earlier);
  // It waits for all that its queue began before, or, as a barrier, all that its queue begins later waits for it. Only
  // out-of-order queues need to be told.
  void order(InFlight& command, bool after_all, bool is_barrier);
  // A piece of a command that was begun, but not its last one. Only the meter and the gate see its end.
  InFlight& begin_piece(InFlight& whole);
  void completed(std::uint64_t token, wire::Outcome outcome, const wire::CommandTimes& times) override;
  void begin_launch_compile() override {
    if (builds_ != nullptr) builds_->begin();
    gate_.begin_launch_compile();
  }
  void end_launch_compile() override {
    if (builds_ != nullptr) builds_->end();
    gate_.end_launch_compile();
  }
  void begin_compile() override { gate_.begin_compile(); }
  void end_compile() override { gate_.end_compile(); }
  bool keeps_waiting() const override { return gate_.keeps_waiting(); }
  // How far a queue has come: what another worker must know to go on.
  struct QueuePosition {
    std::uint64_t begun = 0;        // the last command's sequence number
    std::uint64_t ended = 0;        // all up to this one have ended
    std::uint64_t ended_count = 0;  // how many have
  };
  static QueuePosition position(const QueueProgress& queue) {
    return {queue.begun_, queue.ended_.load(std::memory_order_acquire), queue.ended_count_};
  }
  // No command runs, and none is being published, but for `held` ones that were begun and not submitted, or in pieces
  // that have ended: see is_quiet(). The command thread's, which submits nothing meanwhile.
  bool at_rest(std::size_t held) const;
  // Of a command that was begun and is held: no piece of it runs.
  static bool is_quiet(const InFlight& command) { return command.missing.load(std::memory_order_acquire) == 1; }

  // Of a queue that nothing was begun on: its commands up to `ended` have ended elsewhere, `ended_count` in all.
  void resume(QueueProgress& queue, std::uint64_t ended, std::uint64_t ended_count);
  // The commands up to `sequence` that were not begun here have ended elsewhere.
  void skip_to(QueueProgress& queue, std::uint64_t sequence);

  // A command that was begun but not accepted.
  void failed(InFlight& command, wire::Outcome outcome);

  // Lets go of `thing` when every command that was begun before has ended; at once if none is in flight. By the
  // command thread; the last reference may be dropped on another one. False: too many wait already.
  [[nodiscard]] bool release_after_all(const std::shared_ptr<const void>& thing);

  // Commands that were begun and have not ended, over all queues. The command thread's.
  std::size_t in_flight() const;

 private:
  friend class InFlightRef;
  static Follower* shown();
  void count(const InFlight& command) const;
  void leave_device(const InFlight& part);
  void piece_completed(InFlight& piece);
  // What `ready` heads are commands that may be shown now, by next_to_finish.
  void finish(InFlight& command);
  void finish(InFlight& command, InFlight*& ready);
  void free_followers(InFlight& command, InFlight*& ready);
  InFlight* fresh();
  void drop(InFlight* command);
  void publish(QueueProgress& queue, std::uint32_t ended, InFlight*& ready);
  void let_go(QueueProgress& queue);
  void sweep_closed();

  wire::ControlPage& control_;
  const wire::Doorbell doorbell_;
  metering::MeterPage& meter_;
  Gate& gate_;
  BuildWatch* builds_ = nullptr;
  HostBudget data_budget_;
  std::atomic<std::size_t> releases_{0};
  std::uint64_t begun_ = 0;  // the command thread's: of all queues
  std::atomic<std::uint64_t> finished_{0};
  FreeList<InFlight> free_;
  FreeList<Follower> followers_;
  std::vector<std::unique_ptr<QueueProgress>> queues_;
};

}  // namespace sluice::worker
