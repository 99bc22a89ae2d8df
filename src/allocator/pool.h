// Pool: the books of the allocator. Which slices are on which devices, and what is free. Exact integers.
//
// A slice takes the same of each of its devices, and CPU and host memory once. An operation succeeds whole, or changes
// nothing and says why not.
//
// Not thread-safe. Deterministic: the same operations give the same pool on every machine.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "allocator/change_log.h"
#include "allocator/node.h"
#include "allocator/overcommitted.h"
#include "allocator/request.h"
#include "allocator/shape_table.h"
#include "allocator/tenant_sites.h"
#include "base/contract.h"
#include "base/status.h"

namespace sluice::allocator {

using SliceId = std::uint64_t;

struct Slice {
  Request request;
  Site site;
  ShapeIndex shape = 0;
};

// A slice in the list of its node: enough to find slices that could be moved.
struct NodeSlice {
  SliceId id = 0;
  DeviceMask devices = 0;
  ShapeIndex shape = 0;
  std::uint64_t move_cost = 0;  // as move_cost() has it
  bool movable = true;
  bool has_affinity = false;  // where it may be depends on more than its shape
};

// Sums over all nodes of a pool; they never change.
struct PoolTotals {
  std::uint64_t milli = 0;
  std::uint64_t largest_node_cpu_milli = 0, largest_node_gpu_milli = 0;
  std::uint64_t class_milli[classes_max] = {};  // by device class
  unsigned class_count = 0;                     // device classes are numbered from 0 to less than this
};

// What to do where a site has not enough free.
enum class Overcommit : std::uint8_t {
  refuse,
  allow,  // promise more than there is, whatever the request says of classes, links and affinity
};

class Pool {
 public:
  // REQUIRES: what NodeSpec and DeviceSpec require; no node has more than devices_per_node_max devices.
  explicit Pool(const std::vector<NodeSpec>& nodes);

  std::size_t node_count() const { return nodes_.size(); }
  // REQUIRES, of the next three: node < node_count().
  NodeView view(NodeIndex node) const {
    SLUICE_REQUIRE_COSTLY(node < nodes_.size());
    return {nodes_[node], std::span(devices_).subspan(nodes_[node].first_device, nodes_[node].device_count)};
  }
  const std::string& name(NodeIndex node) const {
    SLUICE_REQUIRE_COSTLY(node < nodes_.size());
    return names_[node];
  }
  const std::vector<NodeSlice>& slices_on(NodeIndex node) const {  // the oldest first
    SLUICE_REQUIRE_COSTLY(node < nodes_.size());
    return node_slices_[node];
  }
  const std::unordered_map<SliceId, Slice>& slices() const { return slices_; }
  const ShapeTable& shapes() const { return shapes_; }  // of the slices
  const PoolTotals& totals() const { return totals_; }
  std::uint64_t milli_free() const { return milli_free_; }
  const ChangeLog& changes() const { return changes_; }  // of what is free, by node

  // The devices of the node that the request's affinity allows; 0: none.
  DeviceMask allowed_devices(NodeIndex node, const Request& request) const { return tenants_.allowed(node, request); }

  // invalid_argument: the id is taken, the site does not exist or has another number of devices than the request;
  // exhausted: it does not fit.
  Status place(SliceId id, const Request& request, const Site& site, Overcommit overcommit = Overcommit::refuse);
  // The slice has the amounts of `request` from now on, where it is. exhausted: it would take more of a device or of
  // the node than is free there, or any more of an unhealthy device; invalid_argument: the request differs in more
  // than amounts and priority; not_found.
  Status resize(SliceId id, const Request& request, Overcommit overcommit = Overcommit::refuse);
  Status release(SliceId id);                 // not_found
  Status move(SliceId id, const Site& site);  // as place; not_found. During the move the slice takes room at both sites

  // Makes a move that undo_move() can undo: the last one first. Afterwards the nodes have their old versions again, so
  // that ratings of these nodes stay valid.
  Status try_move(SliceId id, const Site& site);  // as move
  // REQUIRES: a tried move is not undone yet, and nothing but tried moves has changed the pool since.
  void undo_move();

  Status set_health(NodeIndex node, unsigned device, bool healthy);  // not_found

  // By how much promises exceed what there is: milli-GPU and memory by place in the pool (Node::first_device + i), CPU
  // and host memory by node.
  const Overcommitted& device_excess() const { return device_excess_; }
  const Overcommitted& node_excess() const { return node_excess_; }

 private:
  struct TriedMove {
    SliceId slice = 0;
    Site from;
    std::uint64_t version_from = 0, version_to = 0;  // of the nodes, before
  };

  Status check_site(const Request& request, const Site& site) const;
  Status check(const Request& request, const Site& site) const;
  bool has_room_to_grow(const Slice& slice, const Request& to) const;
  void relocate(SliceId id, Slice& slice, const Site& site);
  void list(SliceId id, const Slice& slice);
  void unlist(SliceId id, NodeIndex node);
  void reserve(const Slice& slice);
  void unreserve(const Slice& slice);
  void changed(NodeIndex node);

  std::vector<Node> nodes_;
  std::vector<Device> devices_;
  std::vector<std::string> names_;
  std::vector<std::vector<NodeSlice>> node_slices_;
  ShapeTable shapes_;
  std::unordered_map<SliceId, Slice> slices_;
  TenantSites tenants_;
  ChangeLog changes_;
  std::uint64_t last_version_ = 0;
  std::vector<TriedMove> tried_moves_;
  Overcommitted device_excess_, node_excess_;
  PoolTotals totals_;
  std::uint64_t milli_free_ = 0;
};

// Whether what is free on the node and what its slices take are all there is, in every quantity. Looks at every slice
// of the node.
bool adds_up(const Pool& pool, NodeIndex node);

// What moving the slice away from its site costs, as move_cost() has it.
std::uint64_t move_cost_of(const Pool& pool, const Slice& slice);

}  // namespace sluice::allocator
