#include "allocator/planner.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <set>
#include <span>
#include <tuple>

#include "allocator/amounts.h"

namespace sluice::allocator {
namespace {

constexpr std::size_t hopeless_max = 1024;

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

// A slice that could leave the node.
struct Movable {
  const Resident* resident = nullptr;
  const Shape* shape = nullptr;
  bool has_room = true;  // elsewhere, as things are

  // What its leaving frees: of devices, only on those in `wanted`.
  Amount frees(const NodeView& view, DeviceMask wanted) const {
    Amount amount{shape->cpu_milli, shape->host_memory_bytes, 0, 0};
    for (DeviceMask mask = resident->devices & wanted; mask != 0; mask &= mask - 1) {
      amount.milli += shape->gpu_milli;
      amount.memory += memory_wanted_bytes(view.devices[static_cast<unsigned>(std::countr_zero(mask))], *shape);
    }
    return amount;
  }
};

using Leaving = std::span<const Movable* const>;

bool could_ever_fit(const Device& device, const Shape& shape) {
  Device idle = device;
  idle.milli_free = idle.milli_total;
  idle.memory_free = idle.memory_total;
  return device_fits(idle, shape);
}

}  // namespace

// Slices of one node that leave it.
struct Planner::Candidate {
  NodeIndex node = 0;
  DeviceMask wanted = 0;  // those that the request is to have
  std::array<SliceId, plan_moves_max> leave{};
  std::size_t count = 0;
  std::size_t roomless = 0;                    // of them, those that have no room elsewhere
  std::uint64_t cost = 0, milli = 0, cpu = 0;  // of those that leave

  bool operator<(const Candidate& other) const {
    return std::tie(roomless, cost, milli, cpu, node, leave) <
           std::tie(other.roomless, other.cost, other.milli, other.cpu, other.node, other.leave);
  }
};

struct Planner::Search {
  const Outlook& outlook;
  const PlanLimits& limits;
  std::size_t looks = 0, chains = 0, moves_tried = 0;
  std::set<Shape> no_chain = {};  // shapes for which no room could be made either
};

namespace {

// Whether whatever fits `more` fits `less`, too.
bool asks_no_more(const Shape& less, const Shape& more) {
  return less.gpu_milli <= more.gpu_milli && less.devices <= more.devices && less.memory_bytes <= more.memory_bytes &&
         less.memory_parts == more.memory_parts && less.cpu_milli <= more.cpu_milli &&
         less.host_memory_bytes <= more.host_memory_bytes &&
         (less.classes == any_class || (more.classes != any_class && (more.classes & ~less.classes) == 0));
}

// Which shapes would have room if they moved: asked for every slice, but there are few shapes.
class RoomElsewhere {
 public:
  explicit RoomElsewhere(const Pool& pool) : pool_(pool), known_(pool.shapes_end()) {}

  bool has(const Resident& resident, NodeIndex node) {
    if (resident.particular) return true;  // that depends on whose it is: it will be seen
    Known& known = known_[resident.shape];
    if (!known.asked) known = look(pool_.shape(resident.shape));
    return (known.one == node ? known.other : known.one) != no_node;
  }

 private:
  struct Known {
    bool asked = false;
    NodeIndex one = no_node, other = no_node;  // two nodes that have room for it, if there are so many
  };

  Known look(const Shape& shape) {
    Known known{true};
    for (const Shape* roomless : roomless_)
      if (asks_no_more(*roomless, shape)) return known;
    for (NodeIndex node = 0; node < pool_.node_count() && known.other == no_node; ++node)
      if (node_fits(pool_.view(node), shape)) (known.one == no_node ? known.one : known.other) = node;
    if (known.one == no_node) roomless_.push_back(&shape);
    return known;
  }

  const Pool& pool_;
  std::vector<Known> known_;  // by ShapeIndex
  std::vector<const Shape*> roomless_;
};

// Finds the sets of slices of one node whose leaving makes room for a shape.
class NodeSearch {
 public:
  // `stuck_max`: how many of a set may have no room anywhere.
  NodeSearch(const Pool& pool, const Shape& shape, std::size_t stuck_max, RoomElsewhere& elsewhere)
      : pool_(pool), shape_(shape), stuck_max_(stuck_max), elsewhere_(elsewhere) {}

  // Calls found(slices, devices wanted, how many of the slices have no room) for each set of at most `most`; adds what
  // was looked at to `looks`.
  template <typename Found>
  void each(NodeIndex node, std::size_t most, std::size_t& looks, Found found) {
    const NodeView view = pool_.view(node);
    if (view.node.cpu_total < shape_.cpu_milli || view.node.host_total < shape_.host_memory_bytes) return;
    const Amount shared{shortfall(shape_.cpu_milli, view.node.cpu_free),
                        shortfall(shape_.host_memory_bytes, view.node.host_free), 0, 0};
    if (!enter(node, shared)) return;
    if (shape_.devices == 0) return few(view, shared, 0, {}, most, looks, found);
    if (shape_.devices > 1) return several_devices(view, shared, most, looks, found);
    one_device(view, shared, most, looks, found);
  }

  // A slice that has room nowhere can only go if another makes some for it, which is a move more.
  bool allowed(std::size_t count, std::size_t stuck, std::size_t most) const {
    return stuck <= stuck_max_ && count + stuck <= most;
  }

 private:
  struct Useful {
    const Movable* movable;
    Amount frees;
    bool stuck;
  };

  // False: not even all that may leave make up for what is short of the node.
  bool enter(NodeIndex node, const Amount& shared) {
    movables_.clear();
    fixed_ = 0;
    Amount all;
    for (const Resident& resident : pool_.residents(node)) {
      if (!resident.movable) {
        fixed_ |= resident.devices;
        continue;
      }
      const Shape& shape = pool_.shape(resident.shape);
      all = all + Amount{shape.cpu_milli, shape.host_memory_bytes, 0, 0};
      movables_.push_back({&resident, &shape, elsewhere_.has(resident, node)});
    }
    return all.covers(shared);
  }

  // Whether it could go to another device of the node than those wanted. A moving slice is in both places for a while.
  static bool has_room_beside(const NodeView& view, const Movable& movable, DeviceMask wanted) {
    const Shape& shape = *movable.shape;
    if (shape.devices != 1 || view.node.cpu_free < shape.cpu_milli || view.node.host_free < shape.host_memory_bytes)
      return false;
    for (unsigned i = 0; i < view.devices.size(); ++i)
      if (((wanted | movable.resident->devices) >> i & 1) == 0 && device_fits(view.devices[i], shape)) return true;
    return false;
  }

  static bool is_stuck(const NodeView& view, const Movable& movable, DeviceMask wanted) {
    return !movable.has_room && !has_room_beside(view, movable, wanted);
  }

  static std::size_t count_stuck(const NodeView& view, Leaving set, DeviceMask wanted) {
    std::size_t stuck = 0;
    for (const Movable* movable : set) stuck += is_stuck(view, *movable, wanted);
    return stuck;
  }

  template <typename Found>
  void one_device(const NodeView& view, const Amount& shared, std::size_t most, std::size_t& looks, Found& found) {
    sort_by_device(view.devices.size());
    bool room_on_some = false;
    for (unsigned i = 0; i < view.devices.size(); ++i) {
      const Device& device = view.devices[i];
      if (!could_ever_fit(device, shape_)) continue;
      Amount short_of = shared;
      short_of.milli = shortfall(shape_.gpu_milli, device.milli_free);
      short_of.memory = shortfall(memory_wanted_bytes(device, shape_), device.memory_free);
      if (short_of.milli == 0 && short_of.memory == 0) {
        room_on_some = true;
        continue;
      }
      if (on_[i].empty()) continue;
      few(view, short_of, DeviceMask{1} << i, on_[i], most, looks, found);
      if (most > 2) everybody_on(view, short_of, DeviceMask{1} << i, most, looks, found);
    }
    // Where only the node is short of something, it makes no difference which device is wanted; and going to another
    // device of the same node helps nobody.
    if (room_on_some) few(view, shared, ~DeviceMask{0}, {}, most, looks, found);
  }

  void sort_by_device(std::size_t devices) {
    if (on_.size() < devices) on_.resize(devices);
    for (std::size_t i = 0; i < devices; ++i) on_[i].clear();
    for (const Movable& movable : movables_)
      for (DeviceMask mask = movable.resident->devices; mask != 0; mask &= mask - 1)
        on_[static_cast<std::size_t>(std::countr_zero(mask))].push_back(&movable);
  }

  // One or two that are enough; two only where none of them is by itself. At least one is of `helpful`, those on the
  // device that is short of something; empty: none is.
  template <typename Found>
  void few(const NodeView& view, const Amount& short_of, DeviceMask wanted, Leaving helpful, std::size_t most,
           std::size_t& looks, Found& found) {
    if (short_of.nothing()) return;
    useful_.clear();
    const auto look_at = [&](const Movable& movable) {
      ++looks;
      const Amount frees = movable.frees(view, wanted);
      const bool enough = frees.covers(short_of);
      if (!enough && most < 2) return;
      const bool stuck = is_stuck(view, movable, wanted);
      if (!allowed(1, stuck, most)) return;
      const Movable* const alone[] = {&movable};
      if (enough) found(Leaving(alone), wanted, stuck);
      else useful_.push_back({&movable, frees, stuck});
    };
    for (const Movable* movable : helpful) look_at(*movable);
    const std::size_t firsts = useful_.size();
    if (helpful.empty() || (firsts > 0 && (short_of.cpu > 0 || short_of.host > 0)))
      for (const Movable& movable : movables_)
        if (helpful.empty() || (movable.resident->devices & wanted) == 0) look_at(movable);
    Amount most_of_any;
    for (const Useful& useful : useful_) most_of_any = most_of_any.at_least(useful.frees);
    for (std::size_t i = 0; i < (helpful.empty() ? useful_.size() : firsts); ++i) {
      if (!(useful_[i].frees + most_of_any).covers(short_of)) continue;
      for (std::size_t j = i + 1; j < useful_.size(); ++j) {
        ++looks;
        if (!(useful_[i].frees + useful_[j].frees).covers(short_of)) continue;
        const std::size_t stuck = std::size_t{useful_[i].stuck} + useful_[j].stuck;
        const Movable* const both[] = {useful_[i].movable, useful_[j].movable};
        if (allowed(2, stuck, most)) found(Leaving(both), wanted, stuck);
      }
    }
  }

  // Three or more on this device, the smallest first, until there is enough.
  template <typename Found>
  void everybody_on(const NodeView& view, const Amount& short_of, DeviceMask wanted, std::size_t most,
                    std::size_t& looks, Found& found) {
    const std::vector<const Movable*>& on = on_[static_cast<std::size_t>(std::countr_zero(wanted))];
    if (on.size() < 3) return;
    set_ = on;
    looks += set_.size();
    std::stable_sort(set_.begin(), set_.end(), [](const Movable* a, const Movable* b) {
      return a->shape->total_milli() < b->shape->total_milli();
    });
    Amount freed;
    for (std::size_t i = 0; i < set_.size() && i < most; ++i) {
      freed = freed + set_[i]->frees(view, wanted);
      if (!freed.covers(short_of)) continue;
      const Leaving leaving = Leaving(set_).first(i + 1);
      if (i >= 2) found(leaving, wanted, count_stuck(view, leaving, wanted));
      return;
    }
  }

  // Whole devices: those with the fewest slices on them are emptied.
  template <typename Found>
  void several_devices(const NodeView& view, const Amount& shared, std::size_t most, std::size_t& looks, Found& found) {
    by_residents_.clear();
    for (unsigned i = 0; i < view.devices.size(); ++i) {
      if (!could_ever_fit(view.devices[i], shape_) || (fixed_ >> i & 1) != 0) continue;
      std::size_t count = 0;
      for (const Movable& movable : movables_) count += movable.resident->devices >> i & 1;
      by_residents_.emplace_back(count, i);
      looks += movables_.size();
    }
    if (by_residents_.size() < shape_.devices) return;
    std::sort(by_residents_.begin(), by_residents_.end());
    DeviceMask wanted = 0;
    for (std::uint32_t i = 0; i < shape_.devices; ++i) wanted |= DeviceMask{1} << by_residents_[i].second;
    set_.clear();
    Amount freed;
    for (const Movable& movable : movables_)
      if ((movable.resident->devices & wanted) != 0) {
        set_.push_back(&movable);
        freed = freed + movable.frees(view, wanted);
      }
    if (set_.empty() || set_.size() > most || !freed.covers(shared)) return;
    found(Leaving(set_), wanted, count_stuck(view, set_, wanted));
  }

  const Pool& pool_;
  const Shape& shape_;
  const std::size_t stuck_max_;
  RoomElsewhere& elsewhere_;
  // Of the node that is looked at.
  std::vector<Movable> movables_;
  std::vector<std::vector<const Movable*>> on_;  // by device
  DeviceMask fixed_ = 0;
  // Room to work in.
  std::vector<Useful> useful_;
  std::vector<const Movable*> set_;
  std::vector<std::pair<std::size_t, unsigned>> by_residents_;
};

// The best of each number of moves, a few of each.
template <typename Candidate>
class Shortlist {
 public:
  Shortlist(std::size_t moves_max, std::size_t each) : heaps_(moves_max + 1), each_(each) {}

  void add(const Candidate& candidate) {
    std::vector<Candidate>& heap = heaps_[candidate.count + candidate.roomless];
    if (heap.size() == each_) {
      if (!(candidate < heap.front())) return;
      std::pop_heap(heap.begin(), heap.end());
      heap.pop_back();
    }
    heap.push_back(candidate);
    std::push_heap(heap.begin(), heap.end());
  }

  std::vector<Candidate> take() {
    std::vector<Candidate> all;
    for (std::vector<Candidate>& heap : heaps_) {
      std::sort_heap(heap.begin(), heap.end());
      all.insert(all.end(), heap.begin(), heap.end());
    }
    return all;
  }

 private:
  std::vector<std::vector<Candidate>> heaps_;
  std::size_t each_;
};

}  // namespace

std::vector<Planner::Candidate> Planner::candidates(const Shape& shape, Search& search, std::size_t moves_max,
                                                    NodeIndex except, bool chains) {
  Shortlist<Candidate> best(moves_max, search.limits.tries_max);
  RoomElsewhere elsewhere(pool_);
  NodeSearch here(pool_, shape, chains ? 1 : 0, elsewhere);
  for (NodeIndex node = 0; node < pool_.node_count() && search.looks < search.limits.looks_max; ++node) {
    if (node == except) continue;
    here.each(node, moves_max, search.looks, [&](Leaving set, DeviceMask wanted, std::size_t stuck) {
      if (!here.allowed(set.size(), stuck, moves_max)) return;
      Candidate candidate;
      candidate.node = node;
      candidate.wanted = wanted;
      candidate.roomless = stuck;
      for (const Movable* movable : set) {
        candidate.leave[candidate.count++] = movable->resident->id;
        candidate.cost += movable->resident->move_cost;
        candidate.milli += movable->shape->total_milli();
        candidate.cpu += movable->shape->cpu_milli;
      }
      best.add(candidate);
    });
  }
  return best.take();
}

std::optional<Rating> Planner::rate(NodeIndex node, const Request& request, const Outlook& outlook,
                                    DeviceMask among) const {
  const NodeView view = pool_.view(node);
  const Shape shape = shape_of(request);
  if (!node_fits(view, shape)) return std::nullopt;
  const Fragmentation fragmentation(view, outlook);
  return policy_.rate({pool_, node, shape, outlook, fragmentation, pool_.allowed_devices(node, request) & among, 0});
}

void Planner::undo(const std::vector<Move>& done) {
  for (std::size_t i = done.size(); i > 0; --i) {
    const Status undone = pool_.move_back(done[i - 1].slice, done[i - 1].from);
    if (!undone.ok()) std::abort();  // it was there a moment ago
  }
  tried_changes_ += 4 * done.size();  // each move changes two nodes, and so does its undoing
}

// Moves the candidate's slices away. False: one of them has nowhere to go; what was done is in `done` all the same.
bool Planner::make_room(const Candidate& candidate, Search& search, std::size_t moves_max, bool chains,
                        std::vector<Move>& done, std::int64_t& cost) {
  for (std::size_t i = 0; i < candidate.count; ++i) {
    const SliceId id = candidate.leave[i];
    ++search.moves_tried;
    const Slice slice = pool_.slices().at(id);
    auto to = chooser_.choose(slice.request, search.outlook, 0, candidate.node);
    const std::size_t left = moves_max - candidate.count;
    if (!to)
      if (const auto beside =
              rate(candidate.node, slice.request, search.outlook, ~(candidate.wanted | slice.site.devices)))
        to = Site{candidate.node, beside->devices};
    if (!to && chains && left > 0 && search.chains < search.limits.chains_max &&
        !search.no_chain.contains(shape_of(slice.request))) {
      ++search.chains;
      const auto first = this->search(slice.request, search, left, candidate.node, false);
      if (!first) search.no_chain.insert(shape_of(slice.request));
      if (first) {
        for (const Move& move : first->moves) {
          if (!pool_.move(move.slice, move.to).ok()) return false;
          done.push_back(move);
        }
        to = first->site;
      }
    }
    if (!to) return false;
    if (const auto rating = rate(to->node, slice.request, search.outlook)) cost += rating->cost;
    if (!pool_.move(id, *to).ok()) return false;
    done.push_back({id, slice.site, *to});
    // What it cost where it was is won back.
    if (const auto rating = rate(candidate.node, slice.request, search.outlook)) cost -= rating->cost;
  }
  return true;
}

std::optional<Plan> Planner::search(const Request& request, Search& search, std::size_t moves_max, NodeIndex except,
                                    bool chains) {
  std::optional<Plan> best;
  std::int64_t best_cost = 0;
  std::uint64_t best_moves_cost = 0;
  for (const Candidate& candidate : candidates(shape_of(request), search, moves_max, except, chains)) {
    if (best && candidate.count + candidate.roomless > best->moves.size()) continue;
    if (search.moves_tried >= search.limits.moves_tried_max) break;
    std::vector<Move> done;
    std::int64_t cost = 0;
    const bool moved = make_room(candidate, search, moves_max, chains, done, cost);
    const auto rating =
        moved && done.size() <= moves_max ? rate(candidate.node, request, search.outlook) : std::nullopt;
    undo(done);
    if (!rating) continue;
    cost += rating->cost;
    const bool better = !best || done.size() < best->moves.size() ||
                        (done.size() == best->moves.size() &&
                         std::tuple(candidate.cost, cost) < std::tuple(best_moves_cost, best_cost));
    if (!better) continue;
    best = Plan{std::move(done), {candidate.node, rating->devices}};
    best_cost = cost;
    best_moves_cost = candidate.cost;
  }
  return best;
}

std::optional<Plan> Planner::plan(const Request& request, const Outlook& outlook, const PlanLimits& limits) {
  if (limits.moves_max == 0) return std::nullopt;
  // What could not be had, and nothing has changed since, cannot be had.
  const Shape shape = shape_of(request);
  const auto hopeless = hopeless_.find(shape);
  if (hopeless != hopeless_.end() && request.affinity == Affinity::none &&
      hopeless->second == std::pair(changes(), limits.moves_max))
    return std::nullopt;
  Search search{outlook, limits};
  auto plan = this->search(request, search, std::min(limits.moves_max, plan_moves_max), no_node, limits.chains);
  if (!plan && request.affinity == Affinity::none) {
    if (hopeless_.size() >= hopeless_max) hopeless_.clear();
    hopeless_[shape] = {changes(), limits.moves_max};
  }
  return plan;
}

}  // namespace sluice::allocator
