// RoomIndex: whether slices would have room on another node. It is asked for thousands of slices of few shapes, so it
// remembers for each shape two nodes with room, or that there are fewer, and looks again only where the pool changed.
//
// Not thread-safe. Deterministic.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "allocator/pool.h"

namespace sluice::allocator {

class RoomIndex {
 public:
  // REQUIRES: the pool outlives it.
  explicit RoomIndex(const Pool& pool) : pool_(pool) {}

  // Whether a slice of this shape fits now on another node than `than`. Affinity is not looked at.
  bool elsewhere(ShapeIndex shape, NodeIndex than);

 private:
  struct Known {
    Shape shape;
    std::array<NodeIndex, 2> nodes{no_node, no_node};  // with room, when last looked at
    bool all = false;                                  // no other node had room
    std::uint64_t seen = 0;                            // changes of the pool before this one are taken in
    NodeIndex next = 0;                                // where the next search begins
  };

  void renew(Known& known);
  void look_everywhere(Known& known);
  bool know_a_smaller_one_without_room(const Shape& shape) const;

  const Pool& pool_;
  std::vector<Known> known_;  // by ShapeIndex
};

}  // namespace sluice::allocator
