#include "allocator/planner.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <set>
#include <tuple>
#include <unordered_map>

namespace sluice::allocator {
namespace {

constexpr std::size_t hopeless_max = 1024;

// What is short on a node, or what slices would free there.
struct Amount {
  std::uint64_t cpu = 0, host = 0, milli = 0, memory = 0;

  Amount operator+(const Amount& more) const {
    return {cpu + more.cpu, host + more.host, milli + more.milli, memory + more.memory};
  }
  bool covers(const Amount& short_of) const {
    return cpu >= short_of.cpu && host >= short_of.host && milli >= short_of.milli && memory >= short_of.memory;
  }
  bool nothing() const { return cpu == 0 && host == 0 && milli == 0 && memory == 0; }
};

std::uint64_t missing(std::uint64_t wanted, std::uint64_t free) { return wanted > free ? wanted - free : 0; }

// A slice that could leave the node.
struct Resident {
  SliceId id = 0;
  Shape shape;
  DeviceMask devices = 0;
  std::uint32_t cost = 1;
  bool has_room = true;  // elsewhere, as things are

  // What its leaving frees: of devices, only on those in `wanted`.
  Amount frees(const NodeView& view, DeviceMask wanted) const {
    Amount amount{shape.cpu_milli, shape.host_memory_bytes, 0, 0};
    for (DeviceMask mask = devices & wanted; mask != 0; mask &= mask - 1) {
      amount.milli += shape.gpu_milli;
      amount.memory += memory_wanted_bytes(view.devices[static_cast<unsigned>(std::countr_zero(mask))], shape);
    }
    return amount;
  }
};

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
  std::size_t looks = 0, chains = 0;
  std::set<Shape> no_chain = {};  // shapes for which no room could be made either
};

namespace {

// Which shapes would have room if they moved, and where: asked for every slice, but there are few shapes.
class RoomElsewhere {
 public:
  RoomElsewhere(Chooser& chooser, const Outlook& outlook) : chooser_(chooser), outlook_(outlook) {}

  bool has(const Request& request, NodeIndex node) {
    if (request.affinity != Affinity::none) return true;  // that depends on whose it is: it will be seen
    const Shape shape = shape_of(request);
    auto found = known_.find(shape);
    if (found == known_.end()) found = known_.emplace(shape, chooser_.choose(request, outlook_, 0)).first;
    if (!found->second) return false;
    return found->second->node != node || chooser_.choose(request, outlook_, 0, node).has_value();
  }

 private:
  Chooser& chooser_;
  const Outlook& outlook_;
  struct Hash {
    std::size_t operator()(const Shape& shape) const {
      std::uint64_t hash = 0;
      for (const std::uint64_t part : {std::uint64_t{shape.gpu_milli} << 32 | shape.cpu_milli, shape.host_memory_bytes,
                                       shape.memory_bytes, shape.classes ^ shape.devices})
        hash = (hash ^ part) * 0x9E3779B97F4A7C15ull;
      return hash ^ hash >> 32;
    }
  };

  std::unordered_map<Shape, std::optional<Site>, Hash> known_;
};

// Finds the sets of residents of one node whose leaving makes room for a shape.
class NodeSearch {
 public:
  // `stuck_max`: how many of a set may have no room anywhere.
  NodeSearch(const Pool& pool, NodeIndex node, const Shape& shape, std::size_t stuck_max, RoomElsewhere& elsewhere)
      : view_(pool.view(node)), shape_(shape), stuck_max_(stuck_max) {
    for (const SliceId id : pool.slices_on(node)) {
      const Slice& slice = pool.slices().at(id);
      if (slice.request.movable)
        residents_.push_back({id, shape_of(slice.request), slice.site.devices, std::max(slice.request.move_cost, 1u),
                              elsewhere.has(slice.request, node)});
      else fixed_ |= slice.site.devices;
    }
  }

  // Whether it could go to another device of the node than those wanted. A moving slice is in both places for a while.
  bool has_room_beside(const Resident& resident, DeviceMask wanted) const {
    if (resident.shape.devices != 1 || view_.node.cpu_free < resident.shape.cpu_milli ||
        view_.node.host_free < resident.shape.host_memory_bytes)
      return false;
    for (unsigned i = 0; i < view_.devices.size(); ++i)
      if (((wanted | resident.devices) >> i & 1) == 0 && device_fits(view_.devices[i], resident.shape)) return true;
    return false;
  }

  // A slice that has room nowhere can only go if another makes some for it, which is a move more.
  bool allowed(std::size_t count, std::size_t stuck, std::size_t most) const {
    return stuck <= stuck_max_ && count + stuck <= most;
  }

  // Calls found(set, devices wanted, how many of the set have no room) for each; adds what was looked at to `looks`.
  template <typename Found>
  void each(std::size_t most, std::size_t& looks, Found found) {
    if (view_.node.cpu_total < shape_.cpu_milli || view_.node.host_total < shape_.host_memory_bytes) return;
    const Amount shared{missing(shape_.cpu_milli, view_.node.cpu_free),
                        missing(shape_.host_memory_bytes, view_.node.host_free), 0, 0};
    if (shape_.devices == 0) return few(shared, 0, most, looks, found);
    if (shape_.devices > 1) return several_devices(shared, most, looks, found);
    for (unsigned i = 0; i < view_.devices.size(); ++i) {
      const Device& device = view_.devices[i];
      if (!could_ever_fit(device, shape_)) continue;
      Amount short_of = shared;
      short_of.milli = missing(shape_.gpu_milli, device.milli_free);
      short_of.memory = missing(memory_wanted_bytes(device, shape_), device.memory_free);
      few(short_of, DeviceMask{1} << i, most, looks, found);
      if (most > 2) everybody_on(short_of, DeviceMask{1} << i, most, looks, found);
    }
  }

 private:
  using Set = std::vector<const Resident*>;

  std::size_t count_stuck(const Set& set, std::size_t count, DeviceMask wanted) const {
    std::size_t stuck = 0;
    for (std::size_t i = 0; i < count; ++i) stuck += !set[i]->has_room && !has_room_beside(*set[i], wanted);
    return stuck;
  }

  // One or two that are enough; two only where none of them is by itself.
  template <typename Found>
  void few(const Amount& short_of, DeviceMask wanted, std::size_t most, std::size_t& looks, Found& found) {
    if (short_of.nothing()) return;
    const bool anybody_helps = short_of.cpu > 0 || short_of.host > 0;
    useful_.clear();
    for (const Resident& resident : residents_) {
      ++looks;
      if (!anybody_helps && (resident.devices & wanted) == 0) continue;
      const bool stuck = !resident.has_room && !has_room_beside(resident, wanted);
      if (!allowed(1, stuck, most)) continue;
      const Amount frees = resident.frees(view_, wanted);
      if (frees.covers(short_of)) found(Set{&resident}, wanted, stuck);
      else useful_.push_back({&resident, frees, stuck});
    }
    if (most < 2) return;
    for (std::size_t i = 0; i < useful_.size(); ++i)
      for (std::size_t j = i + 1; j < useful_.size(); ++j) {
        ++looks;
        const std::size_t stuck = std::size_t{useful_[i].stuck} + useful_[j].stuck;
        if (allowed(2, stuck, most) && (useful_[i].frees + useful_[j].frees).covers(short_of))
          found(Set{useful_[i].resident, useful_[j].resident}, wanted, stuck);
      }
  }

  // All on these devices, the smallest first, until there is enough.
  template <typename Found>
  void everybody_on(const Amount& short_of, DeviceMask wanted, std::size_t most, std::size_t& looks, Found& found) {
    Set set;
    for (const Resident& resident : residents_)
      if ((resident.devices & wanted) != 0) set.push_back(&resident);
    looks += residents_.size();
    std::stable_sort(set.begin(), set.end(), [](const Resident* a, const Resident* b) {
      return a->shape.total_milli() < b->shape.total_milli();
    });
    Amount freed;
    for (std::size_t i = 0; i < set.size(); ++i) {
      freed = freed + set[i]->frees(view_, wanted);
      if (i + 1 > most) return;
      if (!freed.covers(short_of)) continue;
      if (i >= 2)
        found(Set(set.begin(), set.begin() + static_cast<std::ptrdiff_t>(i) + 1), wanted,
              count_stuck(set, i + 1, wanted));
      return;
    }
  }

  // Whole devices: those with the fewest slices on them are emptied.
  template <typename Found>
  void several_devices(const Amount& shared, std::size_t most, std::size_t& looks, Found& found) {
    std::vector<std::pair<std::size_t, unsigned>> by_residents;
    for (unsigned i = 0; i < view_.devices.size(); ++i) {
      if (!could_ever_fit(view_.devices[i], shape_) || (fixed_ >> i & 1) != 0) continue;
      std::size_t count = 0;
      for (const Resident& resident : residents_) count += resident.devices >> i & 1;
      by_residents.emplace_back(count, i);
      looks += residents_.size();
    }
    if (by_residents.size() < shape_.devices) return;
    std::sort(by_residents.begin(), by_residents.end());
    DeviceMask wanted = 0;
    for (std::uint32_t i = 0; i < shape_.devices; ++i) wanted |= DeviceMask{1} << by_residents[i].second;
    Set set;
    Amount freed;
    for (const Resident& resident : residents_)
      if ((resident.devices & wanted) != 0) {
        set.push_back(&resident);
        freed = freed + resident.frees(view_, wanted);
      }
    if (set.empty() || set.size() > most || !freed.covers(shared)) return;
    found(set, wanted, count_stuck(set, set.size(), wanted));
  }

  const NodeView view_;
  const Shape& shape_;
  std::vector<Resident> residents_;
  struct Useful {
    const Resident* resident;
    Amount frees;
    bool stuck;
  };

  std::vector<Useful> useful_;
  const std::size_t stuck_max_;
  DeviceMask fixed_ = 0;
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
  RoomElsewhere elsewhere(chooser_, search.outlook);
  for (NodeIndex node = 0; node < pool_.node_count() && search.looks < search.limits.looks_max; ++node) {
    if (node == except) continue;
    NodeSearch here(pool_, node, shape, chains ? 1 : 0, elsewhere);
    here.each(moves_max, search.looks,
              [&](const std::vector<const Resident*>& set, DeviceMask wanted, std::size_t stuck) {
                if (!here.allowed(set.size(), stuck, moves_max)) return;
                Candidate candidate;
                candidate.node = node;
                candidate.wanted = wanted;
                candidate.roomless = stuck;
                for (const Resident* resident : set) {
                  candidate.leave[candidate.count++] = resident->id;
                  candidate.cost += resident->cost;
                  candidate.milli += resident->shape.total_milli();
                  candidate.cpu += resident->shape.cpu_milli;
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
