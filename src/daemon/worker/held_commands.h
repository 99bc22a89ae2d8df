// HeldCommands: enqueued commands that the device does not get yet, in the order of the program.
//
// A command is *blocked* while it waits, if only at second hand, for an event that the program has still to set, so
// that nothing is ever given to the driver that does not end by itself; it is *ready* when only the gate keeps it.
// Ready commands go in order. A release of an object that came after them goes behind them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "daemon/worker/command.h"
#include "daemon/worker/duration_estimator.h"
#include "daemon/worker/enqueuer.h"
#include "daemon/worker/host_budget.h"
#include "daemon/worker/launch_cuts.h"

namespace sluice::worker {

struct HeldCommand {
  KeptCommand kept;
  StartedCommand started;  // not of a release
  DurationKey duration_key;
  CutLaunch cut;
  bool cut_known = false;
  HostCharge charge;  // while it is blocked

  const Command& command() const { return kept.get(); }
};

class HeldCommands {
 public:
  static constexpr std::size_t ready_max = 1024;
  // What one costs beside what trails it: its record, and its place in its queue.
  static constexpr std::uint64_t record_bytes = sizeof(HeldCommand) + 256;

  // bytes_max: of blocked ones, with releases; beyond that the session is over.
  explicit HeldCommands(std::uint64_t bytes_max) : budget_(bytes_max) {}

  // For a command that is to be blocked. Nothing: the budget has no room for it.
  std::optional<HostCharge> charge(const Command& command) {
    return budget_.charge(KeptCommand::trailing_bytes(command) + record_bytes);
  }
  const HostBudget& budget() const { return budget_; }

  std::deque<HeldCommand>& ready() { return ready_; }
  const std::deque<HeldCommand>& ready() const { return ready_; }
  std::deque<HeldCommand>& blocked() { return blocked_; }
  const std::deque<HeldCommand>& blocked() const { return blocked_; }
  bool empty() const { return ready_.empty() && blocked_.empty(); }

  // Does a blocked command need the object?
  bool blocked_need(ObjectId id) const {
    return std::any_of(blocked_.begin(), blocked_.end(),
                       [id](const HeldCommand& held) { return refers_to(held.command(), id); });
  }

 private:
  HostBudget budget_;
  std::deque<HeldCommand> ready_, blocked_;
};

}  // namespace sluice::worker
