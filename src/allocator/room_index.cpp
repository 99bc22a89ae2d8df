#include "allocator/room_index.h"

#include <algorithm>

namespace sluice::allocator {
namespace {

// Whether `less` fits wherever `more` fits.
bool asks_no_more(const Shape& less, const Shape& more) {
  return less.gpu_milli <= more.gpu_milli && less.devices <= more.devices && less.memory_bytes <= more.memory_bytes &&
         less.memory_parts == more.memory_parts && less.cpu_milli <= more.cpu_milli &&
         less.host_memory_bytes <= more.host_memory_bytes && less.linked <= more.linked &&
         (less.classes == any_class || (more.classes != any_class && (more.classes & ~less.classes) == 0));
}

}  // namespace

bool RoomIndex::elsewhere(ShapeIndex shape, NodeIndex than) {
  if (shape >= known_.size()) known_.resize(pool_.shapes().end());
  Known& known = known_[shape];
  if (known.seen != pool_.changes().end()) {
    // After a change the index may stand for another shape.
    if (known.shape != pool_.shapes()[shape]) known = Known{pool_.shapes()[shape]};
    renew(known);
  }
  const auto is_other = [than](NodeIndex node) { return node != no_node && node != than; };
  return is_other(known.nodes[0]) || is_other(known.nodes[1]);
}

void RoomIndex::renew(Known& known) {
  const auto fits = [&](NodeIndex node) { return node_fits(pool_.view(node), known.shape); };
  for (NodeIndex& node : known.nodes)
    if (node != no_node && !fits(node)) node = no_node;
  const std::uint64_t end = pool_.changes().end(), missed = end - known.seen;
  if (known.seen < pool_.changes().begin() || missed > pool_.node_count()) known.all = false;
  const auto both = [&] { return known.nodes[0] != no_node && known.nodes[1] != no_node; };
  if (known.all) {
    for (std::uint64_t i = known.seen; i < end && !both(); ++i) {
      const NodeIndex node = pool_.changes()[i];
      if (node == known.nodes[0] || node == known.nodes[1] || !fits(node)) continue;
      (known.nodes[0] == no_node ? known.nodes[0] : known.nodes[1]) = node;
    }
    if (both()) known.all = false;  // there may be more of them
  } else if (!both()) {
    look_everywhere(known);
  }
  known.seen = end;
}

void RoomIndex::look_everywhere(Known& known) {
  known.nodes = {no_node, no_node};
  if (know_a_smaller_one_without_room(known.shape)) {
    known.all = true;
    return;
  }
  const auto count = static_cast<NodeIndex>(pool_.node_count());
  std::size_t found = 0;
  NodeIndex looked = 0;
  for (; looked < count && found < known.nodes.size(); ++looked) {
    if (known.next >= count) known.next = 0;
    const NodeIndex node = known.next++;
    if (node_fits(pool_.view(node), known.shape)) known.nodes[found++] = node;
  }
  known.all = looked == count;
}

bool RoomIndex::know_a_smaller_one_without_room(const Shape& shape) const {
  return std::any_of(known_.begin(), known_.end(), [&](const Known& known) {
    return known.all && known.seen == pool_.changes().end() && known.nodes[0] == no_node && known.nodes[1] == no_node &&
           asks_no_more(known.shape, shape);
  });
}

}  // namespace sluice::allocator
