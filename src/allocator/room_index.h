// RoomIndex: whether slices would have room elsewhere if they left the node that they are on. Asked for thousands of
// slices, of few shapes: it remembers for each shape two nodes with room, or that there are fewer, and looks again only
// where the pool has changed.
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

  // Whether a slice of this shape would fit, as things are, on another node than this. Says nothing of affinity.
  bool elsewhere(ShapeIndex shape, NodeIndex than);

 private:
  struct Known {
    Shape shape;
    std::array<NodeIndex, 2> nodes{no_node, no_node};  // that had room when it was last looked at
    bool all = false;                                  // no others had
    std::uint64_t seen = 0;                            // the pool's changes before this one are taken in
    NodeIndex next = 0;                                // where to go on looking
  };

  void renew(Known& known);
  void look_everywhere(Known& known);
  bool know_a_smaller_one_without_room(const Shape& shape) const;

  const Pool& pool_;
  std::vector<Known> known_;  // by ShapeIndex
};

}  // namespace sluice::allocator
