#include "allocator/pool.h"

#include <algorithm>
#include <array>
#include <bit>

#include "allocator/amounts.h"
#include "base/contract.h"

namespace sluice::allocator {
namespace {

bool differs_only_in_amounts(Request before, const Request& after) {
  before.gpu = after.gpu;
  before.memory_bytes = after.memory_bytes;
  before.memory_parts = after.memory_parts;
  before.cpu_milli = after.cpu_milli;
  before.host_memory_bytes = after.host_memory_bytes;
  before.priority = after.priority;
  return before == after;
}

bool books_balance(std::uint64_t free, std::uint64_t taken, std::uint64_t total, std::uint64_t excess) {
  return free + taken == total + excess && (free == 0 || excess == 0);
}

}  // namespace

Pool::Pool(const std::vector<NodeSpec>& specs) : node_slices_(specs.size()), changes_(specs.size()) {
  for (const NodeSpec& spec : specs) {
    SLUICE_REQUIRE(spec.devices.size() <= devices_per_node_max);
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
    for (DeviceSpec device : spec.devices) {
      SLUICE_REQUIRE(device.device_class < classes_max && device.link_group < devices_per_node_max);
      if (!device.offered) device.gpu_milli = 0, device.memory_bytes = 0;
      devices_.push_back({device.gpu_milli, device.gpu_milli, device.memory_bytes, device.memory_bytes,
                          device.device_class, device.link_group, device.offered, device.offered, device.weight_milli});
      node.link_groups = std::max(node.link_groups, device.link_group + 1u);
      milli += device.gpu_milli;
      totals_.class_milli[device.device_class] += device.gpu_milli;
      totals_.class_count = std::max(totals_.class_count, device.device_class + 1u);
    }
    totals_.milli += milli;
    totals_.largest_node_gpu_milli = std::max(totals_.largest_node_gpu_milli, milli);
    totals_.largest_node_cpu_milli = std::max(totals_.largest_node_cpu_milli, spec.cpu_milli);
    node.version = ++last_version_;
    nodes_.push_back(node);
    names_.push_back(spec.name);
  }
  milli_free_ = totals_.milli;
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
  const Slice& slice = slices_.emplace(id, Slice{request, site, shapes_.add(shape_of(request))}).first->second;
  reserve(slice);
  list(id, slice);
  SLUICE_INVARIANT_COSTLY(adds_up(*this, slice.site.node));
  return {};
}

Status Pool::resize(SliceId id, const Request& request, Overcommit overcommit) {
  const auto found = slices_.find(id);
  if (found == slices_.end()) return {Code::not_found, "there is no such slice"};
  Slice& slice = found->second;
  if (!differs_only_in_amounts(slice.request, request))
    return {Code::invalid_argument, "only the amounts of a slice can change where it is"};
  if (overcommit == Overcommit::refuse && !has_room_to_grow(slice, request))
    return {Code::exhausted, "no room for it to grow on " + names_[slice.site.node]};
  unreserve(slice);
  unlist(id, slice.site.node);
  shapes_.remove(slice.shape);
  slice.request = request;
  slice.shape = shapes_.add(shape_of(request));
  reserve(slice);
  list(id, slice);
  SLUICE_INVARIANT_COSTLY(adds_up(*this, slice.site.node));
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

void Pool::list(SliceId id, const Slice& slice) {
  node_slices_[slice.site.node].push_back({id, slice.site.devices, slice.shape, move_cost_of(*this, slice),
                                           slice.request.movable, slice.request.affinity != Affinity::none});
}

void Pool::unlist(SliceId id, NodeIndex node) {
  std::erase_if(node_slices_[node], [id](const NodeSlice& on_node) { return on_node.id == id; });
}

Status Pool::release(SliceId id) {
  const auto found = slices_.find(id);
  if (found == slices_.end()) return {Code::not_found, "there is no such slice"};
  const NodeIndex node = found->second.site.node;
  unreserve(found->second);
  unlist(id, node);
  shapes_.remove(found->second.shape);
  slices_.erase(found);
  SLUICE_INVARIANT_COSTLY(adds_up(*this, node));
  return {};
}

Status Pool::move(SliceId id, const Site& site) {
  const auto found = slices_.find(id);
  if (found == slices_.end()) return {Code::not_found, "there is no such slice"};
  Slice& slice = found->second;
  // Its affinity does not look at its own old site. Its old room is not free yet: it takes room at both for a while.
  tenants_.remove(slice.request.tenant, slice.site);
  Status status = check(slice.request, site);
  tenants_.add(slice.request.tenant, slice.site);
  if (status.ok()) relocate(id, slice, site);
  return status;
}

void Pool::relocate(SliceId id, Slice& slice, const Site& site) {
  reserve({slice.request, site, slice.shape});
  unreserve(slice);
  const NodeIndex before = slice.site.node;
  unlist(id, before);
  slice.site = site;
  list(id, slice);
  SLUICE_INVARIANT_COSTLY(adds_up(*this, before) && adds_up(*this, site.node));
}

Status Pool::try_move(SliceId id, const Site& site) {
  const auto found = slices_.find(id);
  if (found == slices_.end()) return {Code::not_found, "there is no such slice"};
  TriedMove tried{id, found->second.site, nodes_[found->second.site.node].version, 0};
  if (site.node < nodes_.size()) tried.version_to = nodes_[site.node].version;
  Status status = move(id, site);
  if (status.ok()) tried_moves_.push_back(tried);
  return status;
}

void Pool::undo_move() {
  SLUICE_REQUIRE(!tried_moves_.empty());
  const TriedMove tried = tried_moves_.back();
  tried_moves_.pop_back();
  Slice& slice = slices_.at(tried.slice);
  const NodeIndex to = slice.site.node;
  relocate(tried.slice, slice, tried.from);
  nodes_[to].version = tried.version_to;
  nodes_[tried.from.node].version = tried.version_from;
  changes_.count_undone(4);  // the move's two, and two for undoing it
}

Status Pool::set_health(NodeIndex node, unsigned device, bool healthy) {
  if (node >= nodes_.size() || device >= nodes_[node].device_count) return {Code::not_found, "no such device"};
  Device& changing = devices_[nodes_[node].first_device + device];
  changing.healthy = healthy && changing.offered;
  changed(node);
  return {};
}

void Pool::reserve(const Slice& slice) {
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
  tenants_.add(slice.request.tenant, slice.site);
  changed(slice.site.node);
}

void Pool::unreserve(const Slice& slice) {
  const Shape shape = shape_of(slice.request);
  Node& node = nodes_[slice.site.node];
  node_excess_.release(slice.site.node, 0, node.cpu_free, shape.cpu_milli);
  node_excess_.release(slice.site.node, 1, node.host_free, shape.host_memory_bytes);
  for_each_device(slice.site.devices, [&](unsigned i) {
    const std::uint32_t place = node.first_device + i;
    Device& device = devices_[place];
    milli_free_ += device_excess_.release(place, 0, device.milli_free, shape.gpu_milli);
    device_excess_.release(place, 1, device.memory_free, memory_wanted_bytes(device, shape));
    SLUICE_INVARIANT(device.milli_free <= device.milli_total && device.memory_free <= device.memory_total);
  });
  tenants_.remove(slice.request.tenant, slice.site);
  changed(slice.site.node);
}

void Pool::changed(NodeIndex node) {
  nodes_[node].version = ++last_version_;
  changes_.add(node);
}

bool adds_up(const Pool& pool, NodeIndex index) {
  const auto [node, devices] = pool.view(index);
  std::array<std::uint64_t, devices_per_node_max> milli{}, memory{};
  std::uint64_t cpu = 0, host = 0;
  for (const NodeSlice& on_node : pool.slices_on(index)) {
    const Slice& slice = pool.slices().at(on_node.id);
    const Shape shape = shape_of(slice.request);
    if (slice.site != Site{index, on_node.devices} || pool.shapes()[on_node.shape] != shape) return false;
    cpu += shape.cpu_milli;
    host += shape.host_memory_bytes;
    for_each_device(on_node.devices, [&, span = devices](unsigned i) {
      milli[i] += shape.gpu_milli;
      memory[i] += memory_wanted_bytes(span[i], shape);
    });
  }
  bool sums = books_balance(node.cpu_free, cpu, node.cpu_total, pool.node_excess().excess(index, 0)) &&
              books_balance(node.host_free, host, node.host_total, pool.node_excess().excess(index, 1));
  for (unsigned i = 0; i < devices.size(); ++i) {
    const Device& device = devices[i];
    const std::uint32_t place = node.first_device + i;
    sums = sums &&
           books_balance(device.milli_free, milli[i], device.milli_total, pool.device_excess().excess(place, 0)) &&
           books_balance(device.memory_free, memory[i], device.memory_total, pool.device_excess().excess(place, 1));
  }
  return sums;
}

std::uint64_t move_cost_of(const Pool& pool, const Slice& slice) {
  const NodeView here = pool.view(slice.site.node);
  const Shape shape = shape_of(slice.request);
  std::uint64_t bytes = 0;
  for_each_device(slice.site.devices, [&](unsigned i) { bytes += memory_wanted_bytes(here.devices[i], shape); });
  return move_cost(slice.request, bytes);
}

}  // namespace sluice::allocator
