// Leaving: the slices of a node that would make room for a request there if they left.
//
// Finds sets of one or two slices that are enough, everybody on a device, and all that are on as many devices as are
// wanted whole; not every set that would do. Whether each of a set can go anywhere is only looked at as far as its
// shape tells, and for each by itself.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "allocator/pool.h"
#include "allocator/room_index.h"

namespace sluice::allocator {

inline constexpr std::size_t plan_moves_max = 8;

struct LeavingSet {
  NodeIndex node = 0;
  DeviceMask wanted = 0;  // those that the request is to have
  std::array<SliceId, plan_moves_max> leave{};
  std::size_t count = 0;
  std::size_t roomless = 0;                    // of them, those that have no room elsewhere: each takes a move more
  std::uint64_t cost = 0, milli = 0, cpu = 0;  // of those that leave

  std::size_t moves() const { return count + roomless; }
  // What it costs to have them moved, at the least.
  std::uint64_t least_cost() const { return cost + roomless * stop_mib; }
};

struct LeavingQuestion {
  const Shape& shape;               // of the request
  bool particular = false;          // the request has an affinity: what makes room may still not help it
  std::size_t moves_max = 2;        // <= plan_moves_max
  std::size_t roomless_max = 1;     // in a set
  std::size_t sets_max = 24;        // of each number of moves, the best
  NodeIndex except = no_node;       // not on this node
  std::size_t looks_max = 400'000;  // at combinations of slices
  std::size_t nodes_max = 4096;     // where there are more, those from `first` on are looked at
  std::uint64_t first = 0;          // any number
};

// The fewest moves first, of as many the best. Adds what it looked at to `looks`.
std::vector<LeavingSet> leaving_sets(const Pool& pool, RoomIndex& room, const LeavingQuestion& question,
                                     std::size_t& looks);

}  // namespace sluice::allocator
