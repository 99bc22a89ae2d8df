#include "allocator/explanation.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "allocator/amounts.h"
#include "allocator/explanation_text.h"
#include "allocator/policy.h"
#include "base/contract.h"

namespace sluice::allocator {
namespace {

bool of_class(const Device& device, const Shape& shape) {
  return device.offered && class_fits(device.device_class, shape.classes);
}

Device idle(Device device) {
  device.healthy = device.offered;
  device.milli_free = device.milli_total;
  device.memory_free = device.memory_total;
  return device;
}

Device as_it_is(Device device) { return device; }

Device healthy(Device device) {
  device.healthy = device.offered;
  return device;
}

bool fits_on(const Pool& pool, NodeIndex node, const Request& request) {
  const DeviceMask allowed = pool.allowed_devices(node, request);
  const NodeView view = pool.view(node);
  const Shape shape = shape_of(request);
  if (!node_fits(view, shape) || allowed == 0) return false;
  DeviceMask fitting = 0;
  for (unsigned i = 0; i < view.devices.size(); ++i)
    if ((allowed >> i & 1) != 0 && device_fits(view.devices[i], shape)) fitting |= DeviceMask{1} << i;
  return shape.devices == 0 || several_devices(view, fitting, shape.devices, shape.linked) != 0;
}

bool fits_nowhere(const Pool& pool, const Request& request) {
  for (NodeIndex node = 0; node < pool.node_count(); ++node)
    if (fits_on(pool, node, request)) return false;
  return true;
}

// The device that misses the request by least.
struct NearestDevice {
  NodeIndex node = no_node;
  unsigned device = 0;
  std::uint64_t missing = 0;  // millionths of what was asked

  bool found() const { return node != no_node; }
};

class Explainer {
 public:
  Explainer(const Pool& pool, const Request& request, const std::optional<Plan>& plan,
            std::span<const std::string> class_names)
      : pool_(pool), request_(request), shape_(shape_of(request)), plan_(plan), names_(class_names) {}

  Explanation answer() {
    count_free();
    if (shape_.devices > 0 && !any_of_class()) return refuse(Obstacle::no_devices, no_devices());
    if (request_.spreadable && shape_.devices > 1) return too_few_anywhere();
    if (!any_node(idle, true))
      return shape_.devices == 1 && most_devices_idle() == 0 ? no_device(Obstacle::larger_than_any)
                                                             : refuse(Obstacle::larger_than_any, larger_than_any());
    if (!any_node(as_it_is, false)) {
      if (any_node(healthy, false)) return refuse(Obstacle::health, "it would fit where a device is unhealthy");
      return shape_.devices > 1 ? too_few_devices() : no_device(Obstacle::devices);
    }
    if (nearest_with_less_of_the_node()) return refuse(Obstacle::node, std::move(sentence_));
    return refuse(Obstacle::affinity, "it would fit, but not " + affinity_in_words());
  }

 private:
  Explanation refuse(Obstacle obstacle, std::string reason) {
    explanation_.obstacle = obstacle;
    explanation_.reason = std::move(reason);
    if (plan_) explanation_.reason += "; " + plan_text(pool_, *plan_);
    return std::move(explanation_);
  }

  bool any_of_class() const {
    for (NodeIndex node = 0; node < pool_.node_count(); ++node)
      for (const Device& device : pool_.view(node).devices)
        if (of_class(device, shape_)) return true;
    return false;
  }

  std::string affinity_in_words() const {
    switch (request_.affinity) {
      case Affinity::same_node: return "on the node of the tenant's other slices, where it has to be";
      case Affinity::other_node: return "on a node without a slice of the tenant's, where it has to be";
      case Affinity::other_device: return "on a device without a slice of the tenant's, where it has to be";
      case Affinity::none: break;
    }
    return "as it was asked for";
  }

  std::string no_devices() const { return "the pool has no devices" + classes_text(shape_.classes, names_); }

  void count_free() {
    for (NodeIndex node = 0; node < pool_.node_count(); ++node)
      for (const Device& device : pool_.view(node).devices)
        if (of_class(device, shape_)) {
          ++devices_there_;
          if (!device.healthy) continue;
          explanation_.milli_free += device.milli_free;
          explanation_.memory_free_bytes += device.memory_free;
        }
  }

  template <typename As>
  DeviceMask fitting(const NodeView& view, As as) const {
    DeviceMask mask = 0;
    for (unsigned i = 0; i < view.devices.size(); ++i)
      if (device_fits(as(view.devices[i]), shape_)) mask |= DeviceMask{1} << i;
    return mask;
  }

  // How many devices of a node would do together, each seen as `as`.
  template <typename As>
  std::uint32_t devices_fitting(const NodeView& view, As as) const {
    const DeviceMask mask = fitting(view, as);
    auto count = static_cast<std::uint32_t>(std::popcount(mask));
    if (shape_.linked)
      while (count > 0 && linked_devices(view, mask, count) == 0) --count;
    return count;
  }

  // Whether the devices of some node would do. `whole`: its CPU and host memory would, too, if it were idle.
  template <typename As>
  bool any_node(As as, bool whole) const {
    for (NodeIndex node = 0; node < pool_.node_count(); ++node) {
      const NodeView view = pool_.view(node);
      if (whole && (view.node.cpu_total < shape_.cpu_milli || view.node.host_total < shape_.host_memory_bytes))
        continue;
      if (devices_fitting(view, as) >= shape_.devices) return true;
    }
    return false;
  }

  // Of one node, that would each hold the request if they were idle.
  std::uint32_t most_devices_idle() const {
    std::uint32_t most = 0;
    for (NodeIndex node = 0; node < pool_.node_count(); ++node)
      most = std::max(most, devices_fitting(pool_.view(node), idle));
    return most;
  }

  std::string larger_than_any() const {
    const std::uint32_t most = most_devices_idle();
    const std::string even_idle = ", even if all were idle";
    const std::string rest = " has " + node_asked(shape_) + even_idle;
    if (shape_.devices == 0) return "no node" + rest;
    if (most == 0) return "no " + devices_asked(shape_, names_) + even_idle + ": no device is so large";
    if (most < shape_.devices)
      return "no " + devices_asked(shape_, names_) + even_idle + ": " + group_or_node() + " has more than " +
             std::to_string(most);
    return "no node with such devices" + rest;
  }

  bool node_has_the_rest(const Node& node) const {
    return node.cpu_free >= shape_.cpu_milli && node.host_free >= shape_.host_memory_bytes;
  }

  // What `device` lacks of what was asked, as parts of that.
  std::uint64_t missing_of(const Device& device) const {
    const std::uint64_t memory = memory_wanted_bytes(device, shape_);
    return millionths(shortfall(shape_.gpu_milli, device.milli_free), shape_.gpu_milli) +
           millionths(shortfall(memory, device.memory_free), memory);
  }

  // Devices of nodes that have enough CPU and host memory come first.
  NearestDevice nearest_device() const {
    NearestDevice best;
    bool best_has_rest = false;
    for (NodeIndex node = 0; node < pool_.node_count(); ++node) {
      const NodeView view = pool_.view(node);
      const bool has_rest = node_has_the_rest(view.node);
      const DeviceMask allowed = pool_.allowed_devices(node, request_);
      for (unsigned i = 0; i < view.devices.size(); ++i) {
        const Device& device = view.devices[i];
        if (!device.healthy || !of_class(device, shape_) || (allowed >> i & 1) == 0) continue;
        if (shape_.gpu_milli > 0 && device.milli_free == 0) continue;
        if (device.memory_free == 0 && memory_wanted_bytes(device, shape_) > 0) continue;
        const std::uint64_t missing = missing_of(device);
        if (best.found() && std::tuple(!has_rest, missing) >= std::tuple(!best_has_rest, best.missing)) continue;
        best = {node, i, missing};
        best_has_rest = has_rest;
      }
    }
    return best;
  }

  // What of the request fits on a node's device, to be asked for instead.
  void offer(NodeIndex node, DeviceMask devices, Request instead) {
    const NodeView view = pool_.view(node);
    instead.cpu_milli = static_cast<std::uint32_t>(std::min<std::uint64_t>(shape_.cpu_milli, view.node.cpu_free));
    instead.host_memory_bytes = std::min(shape_.host_memory_bytes, view.node.host_free);
    if ((devices & ~pool_.allowed_devices(node, request_)) != 0) return;
    explanation_.nearest = instead;
    explanation_.nearest_site = Site{node, devices};
  }

  std::string free_in_total() const { return "; " + grouped_milli(explanation_.milli_free) + " free in total"; }

  // No device has room for a share. `obstacle`: larger_than_any or devices.
  Explanation no_device(Obstacle obstacle) {
    std::string text = "no device" + classes_text(shape_.classes, names_) +
                       (obstacle == Obstacle::larger_than_any ? " is large enough for " : " has room now for ") +
                       share_asked(shape_);
    const NearestDevice nearest = nearest_device();
    if (!nearest.found()) return refuse(obstacle, text + ": nothing is free");
    const Device& device = pool_.view(nearest.node).devices[nearest.device];
    offer_share(nearest.node, nearest.device);
    text += "; the nearest is " + device_text(pool_, nearest.node, nearest.device, names_) + " with " +
            share_text(device.milli_free, device.memory_free) + " free, where " + offered_text(device) + " would fit";
    if (devices_there_ > 1)
      text += "; " + share_text(explanation_.milli_free, explanation_.memory_free_bytes) + " are free in total";
    return refuse(obstacle, std::move(text));
  }

  void offer_share(NodeIndex node, unsigned place) {
    const Device& device = pool_.view(node).devices[place];
    Request instead = request_;
    instead.gpu.value = std::min(shape_.gpu_milli, device.milli_free);
    if (memory_wanted_bytes(device, shape_) > device.memory_free) instead.memory_bytes = device.memory_free;
    offer(node, DeviceMask{1} << place, instead);
  }

  std::string offered_text(const Device& device) const {
    const Shape instead = shape_of(*explanation_.nearest);
    const std::string share = share_text(instead.gpu_milli, memory_wanted_bytes(device, instead));
    return instead.cpu_milli < shape_.cpu_milli || instead.host_memory_bytes < shape_.host_memory_bytes
               ? share + " with " + node_asked(instead)
               : share;
  }

  Explanation too_few_devices() {
    NodeIndex best = no_node;
    std::uint32_t most = 0;
    for (NodeIndex node = 0; node < pool_.node_count(); ++node) {
      const NodeView view = pool_.view(node);
      const std::uint32_t here = devices_fitting(view, as_it_is);
      if (here <= most) continue;
      most = here;
      best = node;
    }
    std::string text = "no " + devices_asked(shape_, names_);
    if (best == no_node) return refuse(Obstacle::devices, text + ": no device is idle" + free_in_total());
    Request instead = request_;
    instead.devices = most;
    offer(best, first_fitting(best, most), instead);
    text += ": " + group_or_node() + " has more than " + std::to_string(most) + " (" + pool_.name(best) + ")";
    return refuse(Obstacle::devices, text + free_in_total());
  }

  std::string group_or_node() const { return shape_.linked ? "no link group" : "no node"; }

  // How many of the devices nodes could give together, each seen as `as`.
  template <typename As>
  std::uint32_t devices_anywhere(As as, bool whole) const {
    const auto each = [&](std::uint64_t all) { return (all + shape_.devices - 1) / shape_.devices; };
    const auto enough_for = [](std::uint64_t there, std::uint64_t of_each) {
      return of_each == 0 ? devices_per_node_max : there / of_each;
    };
    std::uint64_t found = 0;
    for (NodeIndex node = 0; node < pool_.node_count(); ++node) {
      const NodeView view = pool_.view(node);
      const DeviceMask usable = whole ? ~DeviceMask{0} : pool_.allowed_devices(node, request_);
      found += std::min<std::uint64_t>(
          {static_cast<std::uint64_t>(std::popcount(fitting(view, as) & usable)),
           enough_for(whole ? view.node.cpu_total : view.node.cpu_free, each(shape_.cpu_milli)),
           enough_for(whole ? view.node.host_total : view.node.host_free, each(shape_.host_memory_bytes))});
    }
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(found, shape_.devices));
  }

  Explanation too_few_anywhere() {
    const std::string text = "no " + devices_asked_anywhere(shape_, names_);
    if (const std::uint32_t ever = devices_anywhere(idle, true); ever < shape_.devices)
      return refuse(Obstacle::larger_than_any, text + ", even if all were idle: there are " + std::to_string(ever));
    const std::uint32_t found = devices_anywhere(as_it_is, false);
    if (found == shape_.devices) return refuse(Obstacle::affinity, "it would fit, but not " + affinity_in_words());
    if (found > 0) {
      explanation_.nearest = part_of(request_, 0, found);
      explanation_.nearest->spreadable = found > 1;
    }
    return refuse(Obstacle::devices,
                  text + ": there " + (found == 1 ? "is " : "are ") + std::to_string(found) + free_in_total());
  }

  DeviceMask first_fitting(NodeIndex node, std::uint32_t count) const {
    const NodeView view = pool_.view(node);
    return several_devices(view, fitting(view, as_it_is), count, shape_.linked);
  }

  // Of nodes whose devices would do, the one that lacks least of the rest. False: there is one that lacks nothing.
  bool nearest_with_less_of_the_node() {
    std::size_t nodes = 0;
    NodeIndex best = no_node;
    std::uint64_t best_missing = 0;
    for (NodeIndex node = 0; node < pool_.node_count(); ++node) {
      const NodeView view = pool_.view(node);
      if (devices_fitting(view, as_it_is) < shape_.devices) continue;
      ++nodes;
      const std::uint64_t missing =
          millionths(shortfall(shape_.cpu_milli, view.node.cpu_free), shape_.cpu_milli) +
          millionths(shortfall(shape_.host_memory_bytes, view.node.host_free), shape_.host_memory_bytes);
      if (missing == 0) return false;
      if (best != no_node && missing >= best_missing) continue;
      best = node;
      best_missing = missing;
    }
    offer(best, first_fitting(best, shape_.devices), request_);
    const Node& node = pool_.view(best).node;
    const std::string share = shape_.devices == 1 ? share_asked(shape_) + classes_text(shape_.classes, names_)
                                                  : devices_asked(shape_, names_);
    const std::string those = shape_.devices == 0 ? "" : " of the " + std::to_string(nodes) + " with room for " + share;
    sentence_ = "no node" + those + " has " + node_asked(shape_) + " free: the nearest is " + pool_.name(best) +
                " with " + grouped_milli(node.cpu_free) + " of CPU" +
                (shape_.host_memory_bytes > 0 ? " and " + writable_bytes(node.host_free) + " of host memory" : "") +
                free_in_total();
    return true;
  }

  const Pool& pool_;
  const Request& request_;
  const Shape shape_;
  const std::optional<Plan>& plan_;
  const std::span<const std::string> names_;
  std::size_t devices_there_ = 0;  // of the classes asked for, healthy or not
  Explanation explanation_;
  std::string sentence_;
};

}  // namespace

Explanation explain(const Pool& pool, const Request& request, const std::optional<Plan>& plan,
                    std::span<const std::string> class_names) {
  SLUICE_REQUIRE_COSTLY(request.spreadable || fits_nowhere(pool, request));
  return Explainer(pool, request, plan, class_names).answer();
}

}  // namespace sluice::allocator
