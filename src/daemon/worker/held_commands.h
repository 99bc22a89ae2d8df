// HeldCommands: enqueued commands that the device does not get yet, in the order of the program.
//
// A command is *blocked* while it waits, if only at second hand, for an event that the program has still to set, so
// that nothing is ever given to the driver that does not end by itself; it is *ready* when only the gate keeps it.
// Ready commands go in order. A release of an object that came after them goes behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "daemon/worker/completions.h"
#include "daemon/worker/host_budget.h"
#include "daemon/worker/launch_cuts.h"
#include "daemon/worker/lengths.h"
#include "daemon/worker/object_table.h"

namespace sluice::worker {

// An enqueued command's place in its queue.
struct StartedCommand {
  QueueEntry* queue = nullptr;
  InFlight* command = nullptr;  // null: its queue does not exist
  EventEntry* event = nullptr;
};

struct HeldCommand {
  wire::Op op{};
  std::vector<std::byte> bytes;  // as it came
  StartedCommand started;        // not of a release
  LengthKey length;
  CutLaunch cut;
  bool cut_known = false;
  HostCharge charge;  // while it is blocked
};

class HeldCommands {
 public:
  static constexpr std::size_t ready_max = 1024;
  // What one costs beside its own bytes: its record, its place in a queue and in the program's order.
  static constexpr std::uint64_t overhead_bytes = 512;

  // bytes_max: of blocked ones, with releases; beyond that the session is over.
  explicit HeldCommands(std::uint64_t bytes_max) : budget_(bytes_max) {}

  // Charges a command that is to be blocked. False: the budget has no room for it.
  bool charge(HeldCommand& held) {
    auto charge = budget_.charge(held.bytes.size() + overhead_bytes);
    if (charge) held.charge = std::move(*charge);
    return charge.has_value();
  }
  const HostBudget& budget() const { return budget_; }

  std::deque<HeldCommand>& ready() { return ready_; }
  const std::deque<HeldCommand>& ready() const { return ready_; }
  std::deque<HeldCommand>& blocked() { return blocked_; }
  const std::deque<HeldCommand>& blocked() const { return blocked_; }
  bool empty() const { return ready_.empty() && blocked_.empty(); }

  // Could this command need the object? Any of its words may be the id: too often yes, never too often no.
  static bool names(const HeldCommand& held, ObjectId id);
  bool blocked_names(ObjectId id) const;

 private:
  HostBudget budget_;
  std::deque<HeldCommand> ready_, blocked_;
};

}  // namespace sluice::worker
