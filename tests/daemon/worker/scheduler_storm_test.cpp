// Random commands, events, releases and gates, against a model of what must go before what.
#include <algorithm>
#include <map>
#include <random>

#include "scheduler_rig.h"

namespace sluice::worker {
namespace {

struct Modelled {
  ObjectId event = 0, queue = 0;
  bool is_barrier = false, is_sync = false, is_user = false;
  std::vector<std::size_t> needs;  // what must have been submitted, or set, before
  bool done = false;               // submitted whole, or set
};

class Storm {
 public:
  explicit Storm(unsigned seed) : random_(seed) {
    rig_.device.divisible = backend::Divisible::always;
    kernel_ = rig_.kernel();
    for (int i = 0; i < 4; ++i) {
      const bool out_of_order = i % 2 != 0;
      queues_.push_back(rig_.queue(out_of_order));
      timelines_.push_back(rig_.timeline_at);
      out_of_order_[queues_.back()] = out_of_order;
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      look();
    }
    settle();
  }

 private:
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }

  void step() {
    const std::size_t what = below(100);
    if (what < 50) return enqueue();
    if (what < 58) return add_user();
    if (what < 66) return set_user();
    if (what < 72) return release_event();
    if (what < 80) return turn_gate();
    if (what < 84) {
      REQUIRE(rig_.path.scheduler().pump().ok());
      return;
    }
    end_one();
  }

  void add_user() {
    Modelled user;
    user.event = rig_.user_event();
    user.is_user = true;
    all_.push_back(user);
    known_.push_back(all_.size() - 1);
  }

  void set_user() {
    std::vector<std::size_t> unset;
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (all_[i].is_user && !all_[i].done) unset.push_back(i);
    if (unset.empty()) return;
    Modelled& user = all_[unset[below(unset.size())]];
    user.done = true;  // before it is told: it may let go what needs it
    rig_.set(user.event, chance(20));
  }

  // Not of a user event that is unset: no program could set it any more.
  void release_event() {
    if (known_.empty()) return;
    const std::size_t at = below(known_.size());
    const Modelled& gone = all_[known_[at]];
    if (gone.is_user && !gone.done) return;
    known_.erase(known_.begin() + static_cast<std::ptrdiff_t>(at));
    rig_.release(gone.event);
  }

  void enqueue() {
    Modelled command;
    command.queue = queues_[below(queues_.size())];
    std::vector<ObjectId> waits;
    for (std::size_t i = chance(40) ? below(4) : 0; i > 0 && !known_.empty(); --i) {
      const std::size_t recent = std::min<std::size_t>(known_.size(), 20);
      const std::size_t which = known_[known_.size() - 1 - below(recent)];
      waits.push_back(all_[which].event);
      command.needs.push_back(which);
    }
    const std::size_t kind = below(10);
    command.is_barrier = kind == 0;
    command.is_sync = kind <= 1;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Modelled& earlier = all_[i];
      if (earlier.is_user || earlier.queue != command.queue) continue;
      if (!out_of_order_[command.queue] || earlier.is_barrier || (command.is_sync && waits.empty()))
        command.needs.push_back(i);
    }
    index_[{command.queue, rig_.sequence[command.queue] + 1}] = all_.size();
    all_.push_back(command);
    const std::size_t self = all_.size() - 1;
    if (kind == 0) all_[self].event = rig_.barrier(command.queue, waits);
    else if (kind == 1) all_[self].event = rig_.marker(command.queue, waits);
    else all_[self].event = rig_.launch(command.queue, kernel_, 256 * (1 + below(40)), waits);
    known_.push_back(self);
  }

  void turn_gate() {
    if (rig_.open.grantor.held()) {
      (void)rig_.open.grantor.ask_back();
      shut_ = true;
      return;
    }
    LeaseTerms terms;
    if (chance(50)) terms.window_ns = ns_per_ms * (1 + below(4));
    if (chance(50)) terms.budget_ns = ns_per_ms * (1 + below(8));
    if (chance(50)) terms.piece_ns = 50 * ns_per_us * (1 + below(10));
    if (chance(50)) terms.until_ns = now_ns() + 1000 * ns_per_s;
    rig_.open.grantor.grant(terms);
    shut_ = false;
    REQUIRE(rig_.path.scheduler().pump().ok());
  }

  void end_one() {
    if (running_.empty()) return;
    const std::size_t at = below(running_.size());
    const std::size_t which = running_[at];
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(at));
    rig_.device.complete(which, chance(5) ? Outcome::out_of_resources : Outcome::ok,
                         {100, 200, 200 + below(2 * ns_per_ms)});
  }

  // What the device got since last time: was everything there that it needs?
  void look() {
    for (; seen_ < rig_.device.commands.size(); ++seen_) {
      const auto& part = *reinterpret_cast<InFlight*>(rig_.device.commands[seen_].token);
      const InFlight& whole = part.whole != nullptr ? *part.whole : part;
      const ObjectId queue = queue_of(rig_.device.commands[seen_].queue, whole);
      Modelled& command = all_.at(index_.at({queue, whole.sequence}));
      REQUIRE_FALSE(command.done);
      for (const std::size_t need : command.needs) REQUIRE(all_[need].done);
      command.done = part.whole == nullptr;
      running_.push_back(seen_);
    }
    if (!rig_.open.grantor.held()) shut_ = true;
    REQUIRE(rig_.open.grantor.held() == !(shut_ && running_.empty()));
  }

  ObjectId queue_of(const backend::Queue* queue, const InFlight& command) {
    const auto [at, fresh] = device_queues_.try_emplace(queue, 0);
    if (!fresh) return at->second;
    // The first that a queue submits tells which one it is: its progress is the command's.
    for (const ObjectId id : queues_)
      if (rig_.progress(id) == command.queue) at->second = id;
    REQUIRE(at->second != 0);
    return at->second;
  }

  void settle() {
    for (Modelled& each : all_) {
      if (!each.is_user || each.done) continue;
      each.done = true;
      rig_.set(each.event);
      look();
    }
    for (int guard = 0; guard < 100'000; ++guard) {
      if (!rig_.open.grantor.held()) rig_.open.grantor.grant({});
      shut_ = false;
      REQUIRE(rig_.path.scheduler().pump().ok());
      look();
      if (rig_.completions.in_flight() == 0) break;
      end_one();
    }
    std::map<ObjectId, std::uint64_t> counts;
    for (const Modelled& each : all_) {
      if (each.is_user) continue;
      ++counts[each.queue];
      REQUIRE(each.done);
      const int stage = rig_.stage(each.event);
      REQUIRE((stage == complete || stage == static_cast<int>(Outcome::out_of_resources)));
    }
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      CHECK(rig_.slot<wire::TimelineSlot>(timelines_[i]).completed == counts[queues_[i]]);
      sum += counts[queues_[i]];
    }
    CHECK(rig_.meter.commands == sum);
    CHECK(rig_.completions.in_flight() == 0);
    for (const std::size_t left : known_) rig_.release(all_[left].event);
    CHECK(rig_.path.objects().size() == queues_.size() + 2);  // with the kernel and its program
  }

  struct StormRig : SchedulerRig {
    const QueueProgress* progress(ObjectId id) {
      return const_cast<ObjectTable&>(path.objects()).find<QueueEntry>(id)->progress;
    }
  };
  StormRig rig_;
  std::mt19937 random_;
  ObjectId kernel_ = 0;
  std::vector<ObjectId> queues_;
  std::vector<std::uint64_t> timelines_;
  std::map<ObjectId, bool> out_of_order_;
  std::vector<Modelled> all_;
  std::vector<std::size_t> known_;  // whose events the program still holds
  std::map<std::pair<ObjectId, std::uint64_t>, std::size_t> index_;
  std::map<const backend::Queue*, ObjectId> device_queues_;
  std::vector<std::size_t> running_;
  std::size_t seen_ = 0;
  bool shut_ = false;
};

TEST_CASE("in a storm of gates, user events and queues each command ends once, after all that it waits for") {
  const unsigned seed = GENERATE(range(1u, 61u));
  INFO("seed " << seed);
  Storm(seed).run(400);
}

}  // namespace
}  // namespace sluice::worker
