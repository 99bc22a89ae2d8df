// PeerClock: what the other side's CLOCK_MONOTONIC shows at a moment of ours.
//
// Under one kernel the two are the same. A virtual machine has a clock of its own, which runs at the same rate and
// differs by a constant. Deadlines never cross: each side counts its own. Times of commands do cross (EventSlot).
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace sluice::wire {

class PeerClock {
 public:
  // One clock for both.
  PeerClock() = default;
  // `ahead_ns`: what the peer's clock shows less what ours shows.
  explicit PeerClock(std::int64_t ahead_ns) : ahead_ns_(ahead_ns) {}

  // The peer wrote `peer_ns`, so the result may be any number.
  Nanoseconds to_own(Nanoseconds peer_ns) const { return peer_ns - static_cast<Nanoseconds>(ahead_ns_); }

 private:
  std::int64_t ahead_ns_ = 0;
};

}  // namespace sluice::wire
