#include "allocator/pool.h"

#include <algorithm>
#include <array>
#include <bit>

#include "allocator/amounts.h"

namespace sluice::allocator {
namespace {

constexpr unsigned no_device = devices_per_node_max;  // where a slice without devices is counted

template <typename Act>
void for_each_device(DeviceMask mask, Act act) {
  for (; mask != 0; mask &= mask - 1) act(static_cast<unsigned>(std::countr_zero(mask)));
}

DeviceMask fitting_devices(const NodeView& view, const Shape& shape) {
  DeviceMask fitting = 0;
  for (unsigned i = 0; i < view.devices.size(); ++i)
    if (device_fits(view.devices[i], shape)) fitting |= DeviceMask{1} << i;
  return fitting;
}

bool all_linked(const NodeView& view, DeviceMask devices) {
  if (devices == 0) return true;
  const std::uint8_t group = view.devices[static_cast<unsigned>(std::countr_zero(devices))].link_group;
  bool linked = true;
  for_each_device(devices, [&](unsigned i) { linked = linked && view.devices[i].link_group == group; });
  return linked;
}

bool differs_in_amounts_alone(Request before, const Request& after) {
  before.gpu = after.gpu;
  before.memory_bytes = after.memory_bytes;
  before.memory_parts = after.memory_parts;
  before.cpu_milli = after.cpu_milli;
  before.host_memory_bytes = after.host_memory_bytes;
  before.priority = after.priority;
  return before == after;
}

}  // namespace

DeviceMask linked_devices(const NodeView& view, DeviceMask among, std::uint32_t count) {
  std::array<DeviceMask, devices_per_node_max> groups{};
  for_each_device(among, [&](unsigned i) { groups[view.devices[i].link_group] |= DeviceMask{1} << i; });
  DeviceMask best = 0;
  for (std::uint32_t group = 0; group < view.node.link_groups; ++group) {
    const int devices = std::popcount(groups[group]);
    if (devices < static_cast<int>(count) || (best != 0 && devices >= std::popcount(best))) continue;
    best = groups[group];
  }
  return best;
}

bool node_fits(const NodeView& view, const Shape& shape) {
  if (view.node.cpu_free < shape.cpu_milli || view.node.host_free < shape.host_memory_bytes) return false;
  if (shape.linked && view.node.link_groups > 1)
    return linked_devices(view, fitting_devices(view, shape), shape.devices) != 0;
  std::uint32_t found = 0;
  for (const Device& device : view.devices) {
    if (found == shape.devices) break;
    found += device_fits(device, shape);
  }
  return found == shape.devices;
}

Pool::Pool(const std::vector<NodeSpec>& specs) : residents_(specs.size()) {
  for (const NodeSpec& spec : specs) {
    Node node{static_cast<std::uint32_t>(devices_.size()),
              static_cast<std::uint32_t>(spec.devices.size()),
              spec.rank,
              0,
              1,
              spec.cpu_milli,
              spec.cpu_milli,
              spec.host_memory_bytes,
              spec.host_memory_bytes};
    std::uint64_t milli = 0;
    for (const DeviceSpec& given : spec.devices) {
      DeviceSpec device = given;
      if (!device.offered) device.gpu_milli = 0, device.memory_bytes = 0;
      devices_.push_back({device.gpu_milli, device.gpu_milli, device.memory_bytes, device.memory_bytes,
                          device.device_class, device.link_group, device.offered, device.offered, device.weight_milli});
      node.link_groups = std::max(node.link_groups, device.link_group + 1u);
      milli += device.gpu_milli;
      class_milli_[device.device_class] += device.gpu_milli;
      class_count_ = std::max(class_count_, device.device_class + 1u);
    }
    milli_total_ += milli;
    largest_gpu_ = std::max(largest_gpu_, milli);
    largest_cpu_ = std::max(largest_cpu_, spec.cpu_milli);
    node.version = ++last_version_;
    nodes_.push_back(node);
    names_.push_back(spec.name);
  }
  milli_free_ = milli_total_;
}

std::span<Device> Pool::devices_of(NodeIndex index) {
  return std::span(devices_).subspan(nodes_[index].first_device, nodes_[index].device_count);
}

DeviceMask Pool::allowed_devices(NodeIndex node, const Request& request) const {
  if (request.affinity == Affinity::none) return ~DeviceMask{0};
  const auto tenant = tenants_.find(request.tenant);
  if (tenant == tenants_.end()) return ~DeviceMask{0};
  const auto here = tenant->second.find(node);
  const bool present = here != tenant->second.end();
  if (request.affinity == Affinity::same_node) return present ? ~DeviceMask{0} : 0;
  if (!present) return ~DeviceMask{0};
  if (request.affinity == Affinity::other_node) return 0;
  DeviceMask taken = 0;
  for (const auto& [device, count] : here->second)
    if (device != no_device) taken |= DeviceMask{1} << device;
  return ~taken;
}

Status Pool::check_site(const Request& request, const Site& site) const {
  if (site.node >= nodes_.size()) return {Code::invalid_argument, "no such node"};
  if (std::popcount(site.devices) != static_cast<int>(request.devices))
    return {Code::invalid_argument, "the site has not as many devices as asked for"};
  if (static_cast<std::uint32_t>(std::bit_width(site.devices)) > nodes_[site.node].device_count)
    return {Code::invalid_argument, "the node has no such device"};
  return {};
}

Status Pool::check(const Request& request, const Site& site) const {
  SLUICE_TRY(check_site(request, site));
  const auto [node, devices] = view(site.node);
  const Shape shape = shape_of(request);
  const DeviceMask allowed = allowed_devices(site.node, request);
  bool fits = node.cpu_free >= shape.cpu_milli && node.host_free >= shape.host_memory_bytes &&
              (request.devices == 0 ? allowed != 0 : (site.devices & ~allowed) == 0) &&
              (!shape.linked || all_linked({node, devices}, site.devices));
  // clang 14 cannot capture a structured binding.
  for_each_device(site.devices, [&, span = devices](unsigned i) { fits = fits && device_fits(span[i], shape); });
  return fits ? Status() : Status(Code::exhausted, "no room for it on " + names_[site.node]);
}

Status Pool::place(SliceId id, const Request& request, const Site& site, Overcommit overcommit) {
  if (slices_.contains(id)) return {Code::invalid_argument, "there is such a slice already"};
  SLUICE_TRY(overcommit == Overcommit::allow ? check_site(request, site) : check(request, site));
  const Slice& slice = slices_.emplace(id, Slice{request, site, enter(shape_of(request))}).first->second;
  take(slice);
  settle(id, slice);
  return {};
}

Status Pool::resize(SliceId id, const Request& request, Overcommit overcommit) {
  const auto found = slices_.find(id);
  if (found == slices_.end()) return {Code::not_found, "there is no such slice"};
  Slice& slice = found->second;
  if (!differs_in_amounts_alone(slice.request, request))
    return {Code::invalid_argument, "only the amounts of a slice can change where it is"};
  if (overcommit == Overcommit::refuse && !has_room_to_grow(slice, request))
    return {Code::exhausted, "no room for it to grow on " + names_[slice.site.node]};
  give(slice);
  unsettle(id, slice.site.node);
  leave(slice.shape);
  slice.request = request;
  slice.shape = enter(shape_of(request));
  take(slice);
  settle(id, slice);
  return {};
}

bool Pool::has_room_to_grow(const Slice& slice, const Request& to) const {
  const Shape before = shape_of(slice.request), after = shape_of(to);
  const auto [node, devices] = view(slice.site.node);
  bool room = shortfall(after.cpu_milli, before.cpu_milli) <= node.cpu_free &&
              shortfall(after.host_memory_bytes, before.host_memory_bytes) <= node.host_free;
  // clang 14 cannot capture a structured binding.
  for_each_device(slice.site.devices, [&, span = devices](unsigned i) {
    const std::uint64_t milli = shortfall(after.gpu_milli, before.gpu_milli);
    const std::uint64_t memory = shortfall(memory_wanted_bytes(span[i], after), memory_wanted_bytes(span[i], before));
    room = room && milli <= span[i].milli_free && memory <= span[i].memory_free &&
           (span[i].healthy || (milli == 0 && memory == 0));
  });
  return room;
}

ShapeIndex Pool::enter(const Shape& shape) {
  const auto [found, fresh] = shape_indices_.try_emplace(shape, static_cast<ShapeIndex>(shapes_.size()));
  if (fresh && !free_shapes_.empty()) {
    found->second = free_shapes_.back();
    free_shapes_.pop_back();
    shapes_[found->second].shape = shape;
  } else if (fresh) {
    shapes_.push_back({shape, 0});
  }
  ++shapes_[found->second].slices;
  return found->second;
}

void Pool::leave(ShapeIndex index) {
  if (--shapes_[index].slices > 0) return;
  shape_indices_.erase(shapes_[index].shape);
  free_shapes_.push_back(index);
}

void Pool::settle(SliceId id, const Slice& slice) {
  residents_[slice.site.node].push_back({id, slice.site.devices, slice.shape, move_cost_of(slice),
                                         slice.request.movable, slice.request.affinity != Affinity::none});
}

std::uint64_t Pool::move_cost_of(const Slice& slice) const {
  const NodeView here = view(slice.site.node);
  const Shape shape = shape_of(slice.request);
  std::uint64_t bytes = 0;
  for_each_device(slice.site.devices, [&](unsigned i) { bytes += memory_wanted_bytes(here.devices[i], shape); });
  return move_cost(slice.request, bytes);
}

void Pool::unsettle(SliceId id, NodeIndex node) {
  std::erase_if(residents_[node], [id](const Resident& resident) { return resident.id == id; });
}

Status Pool::release(SliceId id) {
  const auto found = slices_.find(id);
  if (found == slices_.end()) return {Code::not_found, "there is no such slice"};
  give(found->second);
  unsettle(id, found->second.site.node);
  leave(found->second.shape);
  slices_.erase(found);
  return {};
}

Status Pool::move(SliceId id, const Site& site) {
  const auto found = slices_.find(id);
  if (found == slices_.end()) return {Code::not_found, "there is no such slice"};
  Slice& slice = found->second;
  // Its own old room counts for nothing: a moving slice is in both places for a while.
  count_tenant(slice, -1);
  Status status = check(slice.request, site);
  count_tenant(slice, 1);
  if (status.ok()) carry(id, slice, site);
  return status;
}

void Pool::carry(SliceId id, Slice& slice, const Site& site) {
  take({slice.request, site, slice.shape});
  give(slice);
  unsettle(id, slice.site.node);
  slice.site = site;
  settle(id, slice);
}

Status Pool::try_move(SliceId id, const Site& site) {
  const auto found = slices_.find(id);
  if (found == slices_.end()) return {Code::not_found, "there is no such slice"};
  Trial trial{id, found->second.site, nodes_[found->second.site.node].version, 0};
  if (site.node < nodes_.size()) trial.version_to = nodes_[site.node].version;
  Status status = move(id, site);
  if (status.ok()) trials_.push_back(trial);
  return status;
}

void Pool::take_back() {
  const Trial trial = trials_.back();
  trials_.pop_back();
  Slice& slice = slices_.at(trial.slice);
  const NodeIndex to = slice.site.node;
  carry(trial.slice, slice, trial.from);
  nodes_[to].version = trial.version_to;
  nodes_[trial.from.node].version = trial.version_from;
  passing_changes_ += 4;  // the move's two, and as many for taking it back
}

Status Pool::set_health(NodeIndex node, unsigned device, bool healthy) {
  if (node >= nodes_.size() || device >= nodes_[node].device_count) return {Code::not_found, "no such device"};
  Device& changing = devices_of(node)[device];
  changing.healthy = healthy && changing.offered;
  changed(node);
  return {};
}

void Pool::take(const Slice& slice) {
  const Shape shape = shape_of(slice.request);
  Node& node = nodes_[slice.site.node];
  node_excess_.reserve(slice.site.node, 0, node.cpu_free, shape.cpu_milli);
  node_excess_.reserve(slice.site.node, 1, node.host_free, shape.host_memory_bytes);
  for_each_device(slice.site.devices, [&](unsigned i) {
    const std::uint32_t place = node.first_device + i;
    Device& device = devices_[place];
    milli_free_ -= device_excess_.reserve(place, 0, device.milli_free, shape.gpu_milli);
    device_excess_.reserve(place, 1, device.memory_free, memory_wanted_bytes(device, shape));
  });
  count_tenant(slice, 1);
  changed(slice.site.node);
}

void Pool::give(const Slice& slice) {
  const Shape shape = shape_of(slice.request);
  Node& node = nodes_[slice.site.node];
  node_excess_.release(slice.site.node, 0, node.cpu_free, shape.cpu_milli);
  node_excess_.release(slice.site.node, 1, node.host_free, shape.host_memory_bytes);
  for_each_device(slice.site.devices, [&](unsigned i) {
    const std::uint32_t place = node.first_device + i;
    Device& device = devices_[place];
    milli_free_ += device_excess_.release(place, 0, device.milli_free, shape.gpu_milli);
    device_excess_.release(place, 1, device.memory_free, memory_wanted_bytes(device, shape));
  });
  count_tenant(slice, -1);
  changed(slice.site.node);
}

// Slices without a tenant are not counted: nobody's affinity asks for them.
void Pool::count_tenant(const Slice& slice, int by) {
  if (slice.request.tenant == 0) return;
  auto& nodes = tenants_[slice.request.tenant];
  auto& devices = nodes[slice.site.node];
  const auto count = [&](unsigned device) {
    if ((devices[device] += static_cast<std::uint32_t>(by)) == 0) devices.erase(device);
  };
  if (slice.site.devices == 0) count(no_device);
  for_each_device(slice.site.devices, count);
  if (devices.empty()) nodes.erase(slice.site.node);
  if (nodes.empty()) tenants_.erase(slice.request.tenant);
}

void Pool::changed(NodeIndex node) {
  nodes_[node].version = ++last_version_;
  const std::size_t kept = std::max<std::size_t>(1024, nodes_.size());
  if (changes_.size() >= 2 * kept) {
    changes_.erase(changes_.begin(), changes_.end() - static_cast<std::ptrdiff_t>(kept));
    changes_begin_ += kept;
  }
  changes_.push_back(node);
}

}  // namespace sluice::allocator
