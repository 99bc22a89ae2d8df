// Pool: nodes with devices, and the slices on them. The books of the allocator: exact integers, nothing else.
//
// A node has CPU and host memory, and up to devices_per_node_max devices, each with milli-GPU and memory of its own.
// Devices of one link group reach each other faster than others of the node: over NVLink, or within a NUMA node.
// A slice takes the same of each of its devices, and CPU and host memory once. No operation leaves the books half
// changed: it succeeds whole or says why not.
//
// Not thread-safe. Deterministic: the same operations give the same pool on every machine.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "allocator/overcommitted.h"
#include "allocator/request.h"
#include "base/status.h"

namespace sluice::allocator {

inline constexpr std::size_t devices_per_node_max = 64;
inline constexpr std::uint32_t even_weight = 1000;  // of the reference device

using NodeIndex = std::uint32_t;
inline constexpr NodeIndex no_node = ~NodeIndex{0};
using DeviceMask = std::uint64_t;  // the devices of one node, by their place in NodeSpec::devices
using SliceId = std::uint64_t;

struct DeviceSpec {
  std::uint32_t gpu_milli = whole_gpu.value;
  std::uint64_t memory_bytes = 0;
  std::uint8_t device_class = 0;             // REQUIRES: < classes_max
  std::uint8_t link_group = 0;               // of the node's, numbered from 0. REQUIRES: < devices_per_node_max
  std::uint32_t weight_milli = even_weight;  // what it does in a second beside the reference device
  bool offered = true;  // false: it has no room for anything; slices are on it only by Overcommit::allow
};

struct NodeSpec {
  std::string name;
  std::uint32_t rank = 0;  // of equally good nodes, the lowest is taken; of the same rank, the lower index
  std::uint64_t cpu_milli = 0;
  std::uint64_t host_memory_bytes = 0;
  std::vector<DeviceSpec> devices;
};

struct Device {
  std::uint32_t milli_free = 0, milli_total = 0;
  std::uint64_t memory_free = 0, memory_total = 0;
  std::uint8_t device_class = 0;
  std::uint8_t link_group = 0;
  bool healthy = true;  // an unhealthy device keeps what it has and takes nothing more
  bool offered = true;  // else it is not healthy either, and its totals are 0
  std::uint32_t weight_milli = even_weight;
};

struct Node {
  std::uint32_t first_device = 0, device_count = 0;
  std::uint32_t rank = 0;
  std::uint64_t version = 0;  // another with every change; no two states of a pool's nodes have the same
  std::uint32_t link_groups = 1;
  std::uint64_t cpu_free = 0, cpu_total = 0;
  std::uint64_t host_free = 0, host_total = 0;
};

// A node and its devices as they are now; valid until the pool changes.
struct NodeView {
  const Node& node;
  std::span<const Device> devices;
};

struct Site {
  NodeIndex node = 0;
  DeviceMask devices = 0;
  friend bool operator==(const Site&, const Site&) = default;
};

// The shape of some slice in the pool, by a small number. Slices of the same shape have the same.
using ShapeIndex = std::uint32_t;

struct Slice {
  Request request;
  Site site;
  ShapeIndex shape = 0;
};

// What a node's list says of a slice on it: enough to look for those that could leave.
struct Resident {
  SliceId id = 0;
  DeviceMask devices = 0;
  ShapeIndex shape = 0;
  std::uint64_t move_cost = 0;  // as move_cost() has it
  bool movable = true;
  bool particular = false;  // it has an affinity: where it may be depends on more than its shape
};

// What of `shape` is wanted of this device.
inline std::uint64_t memory_wanted_bytes(const Device& device, const Shape& shape) {
  return memory_wanted_bytes(device.memory_total, shape.memory_bytes, shape.memory_parts);
}

inline bool class_fits(std::uint8_t device_class, ClassMask classes) {
  return classes == any_class || (classes >> device_class & 1) != 0;
}

inline bool device_fits(const Device& device, const Shape& shape) {
  return device.healthy && device.milli_free >= shape.gpu_milli && class_fits(device.device_class, shape.classes) &&
         device.memory_free >= memory_wanted_bytes(device, shape);
}

// Those of `among` that `shape` could have its devices from if it is to have them linked: of the groups with enough of
// them the smallest, else none.
DeviceMask linked_devices(const NodeView& view, DeviceMask among, std::uint32_t count);
// CPU, host memory and enough devices; says nothing of affinity.
bool node_fits(const NodeView& view, const Shape& shape);

// What to do where a site has not enough free.
enum class Overcommit : std::uint8_t {
  refuse,
  allow,  // promise more than there is, whatever the request says of classes, links and affinity
};

class Pool {
 public:
  // REQUIRES: of each node at most devices_per_node_max devices.
  explicit Pool(const std::vector<NodeSpec>& nodes);

  std::size_t node_count() const { return nodes_.size(); }
  NodeView view(NodeIndex index) const {
    const Node& node = nodes_[index];
    return {node, std::span(devices_).subspan(node.first_device, node.device_count)};
  }
  const std::string& name(NodeIndex node) const { return names_[node]; }
  const std::unordered_map<SliceId, Slice>& slices() const { return slices_; }
  const std::vector<Resident>& residents(NodeIndex node) const { return residents_[node]; }  // in order of their coming
  const Shape& shape(ShapeIndex index) const { return shapes_[index].shape; }
  ShapeIndex shapes_end() const { return static_cast<ShapeIndex>(shapes_.size()); }  // more than any index

  std::uint64_t milli_total() const { return milli_total_; }
  std::uint64_t milli_free() const { return milli_free_; }
  // What moving it away from where it is costs, as move_cost() has it.
  std::uint64_t move_cost_of(const Slice& slice) const;
  // The milli-GPU of all devices of a class, used or not.
  std::uint64_t class_milli_total(unsigned device_class) const { return class_milli_[device_class]; }
  unsigned class_count() const { return class_count_; }  // classes are numbered from 0 to less than this
  std::uint64_t largest_node_cpu_milli() const { return largest_cpu_; }
  std::uint64_t largest_node_gpu_milli() const { return largest_gpu_; }

  // Whether the request's affinity allows this device of this node.
  DeviceMask allowed_devices(NodeIndex node, const Request& request) const;

  // invalid_argument: the id is taken, the site names what is not there or not the number of devices asked for;
  // exhausted: it does not fit.
  Status place(SliceId id, const Request& request, const Site& site, Overcommit overcommit = Overcommit::refuse);
  // The slice has the amounts of `request` from now on, where it is. exhausted: it would take more of a device or of
  // the node than is free there, or any more of an unhealthy device; invalid_argument: the request differs in more
  // than amounts and priority; not_found. If it fails, nothing changes.
  Status resize(SliceId id, const Request& request, Overcommit overcommit = Overcommit::refuse);
  Status release(SliceId id);                 // not_found
  Status move(SliceId id, const Site& site);  // as place; the slice keeps its old site if it fails

  // A move to see what it would do, and the taking back of the last one that was not taken back yet. Nodes have the
  // versions again that they had, so whoever knew them knows them still. REQUIRES of take_back(): there is one, and
  // since then nothing but tries has changed the pool.
  Status try_move(SliceId id, const Site& site);  // as move
  void take_back();

  Status set_health(NodeIndex node, unsigned device, bool healthy);

  // Each node whose free room changed, in order; entry i of the history is change number changes_begin() + i. Old
  // entries are forgotten: whoever asks for one before changes_begin() must look at all nodes.
  std::uint64_t changes_begin() const { return changes_begin_; }
  std::uint64_t changes_end() const { return changes_begin_ + changes_.size(); }
  NodeIndex change(std::uint64_t number) const { return changes_[number - changes_begin_]; }
  // How many changes there were but for those that were tried and taken back.
  std::uint64_t lasting_changes() const { return changes_end() - passing_changes_; }

 private:
  Status check_site(const Request& request, const Site& site) const;
  Status check(const Request& request, const Site& site) const;
  bool has_room_to_grow(const Slice& slice, const Request& to) const;
  struct CountedShape {
    Shape shape;
    std::uint32_t slices = 0;  // none: the index is free for another shape
  };

  struct Trial {
    SliceId slice = 0;
    Site from;
    std::uint64_t version_from = 0, version_to = 0;  // of the nodes, before
  };

  void carry(SliceId id, Slice& slice, const Site& site);
  ShapeIndex enter(const Shape& shape);
  void leave(ShapeIndex shape);
  void settle(SliceId id, const Slice& slice);
  void unsettle(SliceId id, NodeIndex node);
  void take(const Slice& slice);
  void give(const Slice& slice);
  void count_tenant(const Slice& slice, int by);
  void changed(NodeIndex node);
  std::span<Device> devices_of(NodeIndex node);

  std::vector<Node> nodes_;
  std::vector<Device> devices_;
  std::vector<std::string> names_;
  std::vector<std::vector<Resident>> residents_;
  std::vector<CountedShape> shapes_;
  std::map<Shape, ShapeIndex> shape_indices_;
  std::vector<ShapeIndex> free_shapes_;
  std::unordered_map<SliceId, Slice> slices_;
  std::map<std::uint64_t, std::map<NodeIndex, std::map<unsigned, std::uint32_t>>> tenants_;  // -> slices on a device
  std::vector<NodeIndex> changes_;
  std::uint64_t changes_begin_ = 0, passing_changes_ = 0, last_version_ = 0;
  std::vector<Trial> trials_;
  Overcommitted device_excess_;  // by place in devices_: milli-GPU, memory
  Overcommitted node_excess_;    // CPU, host memory
  std::uint64_t milli_total_ = 0, milli_free_ = 0, largest_cpu_ = 0, largest_gpu_ = 0;
  std::uint64_t class_milli_[classes_max] = {};
  unsigned class_count_ = 0;
};

}  // namespace sluice::allocator
