#include "allocator/eviction_sets.h"

#include <algorithm>
#include <bit>
#include <span>
#include <tuple>

#include "allocator/amounts.h"
#include "base/contract.h"

namespace sluice::allocator {
namespace {

// What is short on a node, or what slices would free there.
struct Amount {
  std::uint64_t cpu = 0, host = 0, milli = 0, memory = 0;

  Amount operator+(const Amount& more) const {
    return {cpu + more.cpu, host + more.host, milli + more.milli, memory + more.memory};
  }
  // The larger of each.
  Amount at_least(const Amount& other) const {
    return {std::max(cpu, other.cpu), std::max(host, other.host), std::max(milli, other.milli),
            std::max(memory, other.memory)};
  }
  bool covers(const Amount& short_of) const {
    return cpu >= short_of.cpu && host >= short_of.host && milli >= short_of.milli && memory >= short_of.memory;
  }
  bool nothing() const { return cpu == 0 && host == 0 && milli == 0 && memory == 0; }
};

// A slice that could be moved away from the node.
struct Movable {
  const NodeSlice* slice = nullptr;
  const Shape* shape = nullptr;

  // What moving it away frees: of devices, only of those in `wanted`.
  Amount frees(const NodeView& view, DeviceMask wanted) const {
    Amount amount{shape->cpu_milli, shape->host_memory_bytes, 0, 0};
    for (DeviceMask mask = slice->devices & wanted; mask != 0; mask &= mask - 1) {
      amount.milli += shape->gpu_milli;
      amount.memory += memory_wanted_bytes(view.devices[static_cast<unsigned>(std::countr_zero(mask))], *shape);
    }
    return amount;
  }
};

using Movables = std::span<const Movable* const>;

bool could_ever_fit(const Device& device, const Shape& shape) {
  return device.healthy && device.milli_total >= shape.gpu_milli && class_fits(device.device_class, shape.classes) &&
         device.memory_total >= memory_wanted_bytes(device, shape);
}

// What decides between sets of as many moves.
auto order_of(const EvictionSet& set) {
  return std::tie(set.roomless, set.cost, set.milli, set.cpu, set.node, set.slices);
}

// The best sets of each number of moves.
class Shortlist {
 public:
  Shortlist(std::size_t moves_max, std::size_t each) : heaps_(moves_max + 1), each_(each) {}

  void add(const EvictionSet& set) {
    std::vector<EvictionSet>& heap = heaps_[set.moves()];
    if (heap.size() == each_) {
      if (order_of(set) >= order_of(heap.front())) return;
      std::pop_heap(heap.begin(), heap.end(), better);
      heap.pop_back();
    }
    heap.push_back(set);
    std::push_heap(heap.begin(), heap.end(), better);
  }

  std::vector<EvictionSet> take() {
    std::vector<EvictionSet> all;
    for (std::vector<EvictionSet>& heap : heaps_) {
      std::sort_heap(heap.begin(), heap.end(), better);
      all.insert(all.end(), heap.begin(), heap.end());
    }
    return all;
  }

 private:
  static bool better(const EvictionSet& a, const EvictionSet& b) { return order_of(a) < order_of(b); }

  std::vector<std::vector<EvictionSet>> heaps_;
  std::size_t each_;
};

class EvictionSearch {
 public:
  EvictionSearch(const Pool& pool, RoomIndex& room, const EvictionQuery& query, std::size_t& looks)
      : pool_(pool),
        room_(room),
        query_(query),
        shape_(query.shape),
        moves_max_(query.moves_max),
        looks_(looks),
        best_(query.moves_max, query.sets_max) {
    SLUICE_REQUIRE(query.moves_max <= plan_moves_max);
  }

  std::vector<EvictionSet> find() {
    const std::size_t all = pool_.node_count(), nodes = std::min(all, query_.nodes_max);
    const std::size_t first = nodes < all ? query_.first % all : 0;
    for (std::size_t i = 0; i < nodes && looks_ < query_.looks_max; ++i) {
      const auto node = static_cast<NodeIndex>((first + i) % all);
      if (node != query_.except) look_at(node);
    }
    return best_.take();
  }

 private:
  void look_at(NodeIndex node) {
    const NodeView view = pool_.view(node);
    if (view.node.cpu_total < shape_.cpu_milli || view.node.host_total < shape_.host_memory_bytes) return;
    const Amount shared{shortfall(shape_.cpu_milli, view.node.cpu_free),
                        shortfall(shape_.host_memory_bytes, view.node.host_free), 0, 0};
    DeviceMask could = 0;
    for (unsigned i = 0; i < view.devices.size(); ++i)
      if (could_ever_fit(view.devices[i], shape_)) could |= DeviceMask{1} << i;
    if (std::popcount(could) < static_cast<int>(shape_.devices) || !collect_movable(node, shared)) return;
    if (shape_.devices == 0) return one_or_two(view, shared, 0, {});
    if (shape_.devices > 1) return whole_devices(view, shared, could & ~fixed_);
    one_device(view, shared, could);
  }

  // False: moving all movable slices away would not free enough of the node.
  bool collect_movable(NodeIndex node, const Amount& shared) {
    node_ = node;
    movables_.clear();
    fixed_ = 0;
    Amount all;
    for (const NodeSlice& on_node : pool_.slices_on(node)) {
      if (!on_node.movable) {
        fixed_ |= on_node.devices;
        continue;
      }
      const Shape& shape = pool_.shapes()[on_node.shape];
      all = all + Amount{shape.cpu_milli, shape.host_memory_bytes, 0, 0};
      movables_.push_back({&on_node, &shape});
    }
    return all.covers(shared);
  }

  // Whether it fits another device of the node than the wanted ones. During a move it takes room at both sites.
  static bool has_room_beside(const NodeView& view, const Movable& movable, DeviceMask wanted) {
    const Shape& shape = *movable.shape;
    if (shape.devices != 1 || view.node.cpu_free < shape.cpu_milli || view.node.host_free < shape.host_memory_bytes)
      return false;
    for (unsigned i = 0; i < view.devices.size(); ++i)
      if (((wanted | movable.slice->devices) >> i & 1) == 0 && device_fits(view.devices[i], shape)) return true;
    return false;
  }

  // Whether a slice with an affinity has room depends on its tenant: the planner tries it.
  bool is_roomless(const NodeView& view, const Movable& movable, DeviceMask wanted) {
    return !movable.slice->has_affinity && !room_.elsewhere(movable.slice->shape, node_) &&
           !has_room_beside(view, movable, wanted);
  }

  // A slice without room elsewhere needs one more move, of another slice that makes room for it.
  bool allowed(std::size_t count, std::size_t roomless) const {
    return roomless <= query_.roomless_max && count + roomless <= moves_max_;
  }

  void found(Movables chosen, DeviceMask wanted, std::size_t roomless) {
    if (!allowed(chosen.size(), roomless)) return;
    EvictionSet set;
    set.node = node_;
    set.wanted = wanted;
    set.roomless = roomless;
    bool has_affinity = query_.has_affinity;
    for (const Movable* movable : chosen) {
      set.slices[set.count++] = movable->slice->id;
      set.cost += movable->slice->move_cost;
      set.milli += movable->shape->total_milli();
      set.cpu += movable->shape->cpu_milli;
      has_affinity = has_affinity || movable->slice->has_affinity;
    }
    best_.add(set);
    // If one move is sure to be enough, two are better only if each is cheaper than the cheapest possible move.
    if (set.moves() == 1 && !has_affinity && set.cost <= 2 * stop_mib) moves_max_ = 1;
  }

  void one_device(const NodeView& view, const Amount& shared, DeviceMask could) {
    sort_by_device(view.devices.size());
    bool room_on_some = false;
    for (unsigned i = 0; i < view.devices.size(); ++i) {
      if ((could >> i & 1) == 0) continue;
      const Device& device = view.devices[i];
      Amount short_of = shared;
      short_of.milli = shortfall(shape_.gpu_milli, device.milli_free);
      short_of.memory = shortfall(memory_wanted_bytes(device, shape_), device.memory_free);
      if (short_of.milli == 0 && short_of.memory == 0) {
        room_on_some = true;
        continue;
      }
      if (on_[i].empty()) continue;
      one_or_two(view, short_of, DeviceMask{1} << i, on_[i]);
      if (moves_max_ > 2) all_on(view, short_of, DeviceMask{1} << i);
    }
    // If only the node is short of something, any device will do, and moving to another device of the node frees
    // nothing.
    if (room_on_some) one_or_two(view, shared, ~DeviceMask{0}, {});
  }

  void sort_by_device(std::size_t devices) {
    if (on_.size() < devices) on_.resize(devices);
    for (std::size_t i = 0; i < devices; ++i) on_[i].clear();
    for (const Movable& movable : movables_)
      for (DeviceMask mask = movable.slice->devices; mask != 0; mask &= mask - 1)
        on_[static_cast<std::size_t>(std::countr_zero(mask))].push_back(&movable);
  }

  // One or two slices that are enough; two only if neither is enough alone. At least one is of `helpful`, the slices on
  // the device that is short of something; empty: no device is short.
  void one_or_two(const NodeView& view, const Amount& short_of, DeviceMask wanted, Movables helpful) {
    if (short_of.nothing()) return;
    useful_.clear();
    const auto alone = [&](const Movable& movable) {
      ++looks_;
      const Amount frees = movable.frees(view, wanted);
      const bool enough = frees.covers(short_of);
      if (!enough && moves_max_ < 2) return;
      const bool roomless = is_roomless(view, movable, wanted);
      const Movable* const one[] = {&movable};
      if (enough) found(one, wanted, roomless);
      else if (allowed(2, roomless)) useful_.push_back({&movable, frees, roomless});
    };
    for (const Movable* movable : helpful) alone(*movable);
    const std::size_t firsts = useful_.size();
    if (helpful.empty() || (firsts > 0 && (short_of.cpu > 0 || short_of.host > 0)))
      for (const Movable& movable : movables_)
        if (helpful.empty() || (movable.slice->devices & wanted) == 0) alone(movable);
    if (moves_max_ > 1) pairs(short_of, wanted, helpful.empty() ? useful_.size() : firsts);
  }

  // Of those in useful_, one of the first `firsts` and any later one.
  void pairs(const Amount& short_of, DeviceMask wanted, std::size_t firsts) {
    Amount most_of_any;
    for (const Useful& useful : useful_) most_of_any = most_of_any.at_least(useful.frees);
    for (std::size_t i = 0; i < firsts; ++i) {
      if (!(useful_[i].frees + most_of_any).covers(short_of)) continue;
      for (std::size_t j = i + 1; j < useful_.size(); ++j) {
        ++looks_;
        if (!(useful_[i].frees + useful_[j].frees).covers(short_of)) continue;
        const Movable* const both[] = {useful_[i].movable, useful_[j].movable};
        found(both, wanted, std::size_t{useful_[i].roomless} + useful_[j].roomless);
      }
    }
  }

  // Three or more slices of this device, the smallest first, until they are enough.
  void all_on(const NodeView& view, const Amount& short_of, DeviceMask wanted) {
    const std::vector<const Movable*>& on = on_[static_cast<std::size_t>(std::countr_zero(wanted))];
    if (on.size() < 3) return;
    set_ = on;
    looks_ += set_.size();
    std::stable_sort(set_.begin(), set_.end(), [](const Movable* a, const Movable* b) {
      return a->shape->total_milli() < b->shape->total_milli();
    });
    Amount freed;
    for (std::size_t i = 0; i < set_.size() && i < moves_max_; ++i) {
      freed = freed + set_[i]->frees(view, wanted);
      if (!freed.covers(short_of)) continue;
      if (i >= 2) found_all(view, Movables(set_).first(i + 1), wanted);
      return;
    }
  }

  void found_all(const NodeView& view, Movables chosen, DeviceMask wanted) {
    std::size_t roomless = 0;
    for (const Movable* movable : chosen) roomless += is_roomless(view, *movable, wanted);
    found(chosen, wanted, roomless);
  }

  // Whole devices: those with the fewest slices on them are emptied.
  void whole_devices(const NodeView& view, const Amount& shared, DeviceMask could) {
    counts_.assign(view.devices.size(), 0);
    for (const Movable& movable : movables_)
      for (DeviceMask mask = movable.slice->devices; mask != 0; mask &= mask - 1)
        ++counts_[static_cast<std::size_t>(std::countr_zero(mask))];
    looks_ += movables_.size();
    if (!shape_.linked) return emptied(view, shared, could);
    for (std::uint32_t group = 0; group < view.node.link_groups; ++group) {
      DeviceMask linked = 0;
      for (unsigned i = 0; i < view.devices.size(); ++i)
        if (view.devices[i].link_group == group) linked |= DeviceMask{1} << i;
      emptied(view, shared, could & linked);
    }
  }

  // As many of `among` as are wanted.
  void emptied(const NodeView& view, const Amount& shared, DeviceMask among) {
    if (std::popcount(among) < static_cast<int>(shape_.devices)) return;
    DeviceMask wanted = 0;
    for (std::uint32_t n = 0; n < shape_.devices; ++n) {
      unsigned fewest = devices_per_node_max;
      for (DeviceMask mask = among & ~wanted; mask != 0; mask &= mask - 1) {
        const auto i = static_cast<unsigned>(std::countr_zero(mask));
        if (fewest == devices_per_node_max || counts_[i] < counts_[fewest]) fewest = i;
      }
      wanted |= DeviceMask{1} << fewest;
    }
    set_.clear();
    Amount freed;
    for (const Movable& movable : movables_)
      if ((movable.slice->devices & wanted) != 0) {
        set_.push_back(&movable);
        freed = freed + movable.frees(view, wanted);
      }
    if (set_.empty() || set_.size() > moves_max_ || !freed.covers(shared)) return;
    found_all(view, set_, wanted);
  }

  struct Useful {
    const Movable* movable;
    Amount frees;
    bool roomless;
  };

  const Pool& pool_;
  RoomIndex& room_;
  const EvictionQuery& query_;
  const Shape& shape_;
  std::size_t moves_max_;
  std::size_t& looks_;
  Shortlist best_;
  // Of the node that is looked at.
  NodeIndex node_ = 0;
  std::vector<Movable> movables_;
  std::vector<std::vector<const Movable*>> on_;  // by device
  DeviceMask fixed_ = 0;
  // Scratch space.
  std::vector<Useful> useful_;
  std::vector<const Movable*> set_;
  std::vector<std::uint32_t> counts_;  // by device: its movable slices
};

}  // namespace

std::vector<EvictionSet> find_eviction_sets(const Pool& pool, RoomIndex& room, const EvictionQuery& query,
                                            std::size_t& looks) {
  return EvictionSearch(pool, room, query, looks).find();
}

}  // namespace sluice::allocator
