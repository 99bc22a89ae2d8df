// Eviction sets: sets of slices of one node that would make room for a request there if they were moved away.
//
// The search finds sets of one or two slices that are enough, all slices of one device, and all slices of as many
// devices as a request wants whole; not every set that would do. Whether a slice of a set has room elsewhere is judged
// by its shape alone, and for each slice as if it moved alone.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "allocator/pool.h"
#include "allocator/room_index.h"

namespace sluice::allocator {

inline constexpr std::size_t plan_moves_max = 8;

struct EvictionSet {
  NodeIndex node = 0;
  DeviceMask wanted = 0;  // the devices that the request is to have
  std::array<SliceId, plan_moves_max> slices{};
  std::size_t count = 0;                       // of slices
  std::size_t roomless = 0;                    // slices of the set without room elsewhere: each takes one more move
  std::uint64_t cost = 0, milli = 0, cpu = 0;  // of the slices together

  std::size_t moves() const { return count + roomless; }
  // A lower bound of what moving them costs.
  std::uint64_t least_cost() const { return cost + roomless * stop_mib; }
};

struct EvictionQuery {
  const Shape& shape;               // of the request
  bool has_affinity = false;        // the request has an affinity: what makes room may still not help it
  std::size_t moves_max = 2;        // <= plan_moves_max
  std::size_t roomless_max = 1;     // in a set
  std::size_t sets_max = 24;        // of each number of moves, the best
  NodeIndex except = no_node;       // not on this node
  std::size_t looks_max = 400'000;  // at combinations of slices
  std::size_t nodes_max = 4096;     // where there are more, those from `first` on are looked at
  std::uint64_t first = 0;          // any number
};

// The fewest moves first, of as many the best. Adds what it looked at to `looks`.
std::vector<EvictionSet> find_eviction_sets(const Pool& pool, RoomIndex& room, const EvictionQuery& query,
                                            std::size_t& looks);

}  // namespace sluice::allocator
