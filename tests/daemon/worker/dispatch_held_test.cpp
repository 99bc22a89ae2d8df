// Commands that do not go to the device at once: what they wait for, and in which order they go.
#include <algorithm>
#include <map>
#include <random>

#include "dispatch_rig.h"

namespace sluice::worker {
namespace {

// A rig whose gate the test opens and shuts.
struct HeldRig : Rig {
  void shut() { REQUIRE(open.grantor.ask_back()); }
  void unshut(const LeaseTerms& terms = {}) {
    open.grantor.grant(terms);
    REQUIRE(dispatcher.pump().ok());
  }
  ObjectId user_event() {
    wire::UserEventCreate command;
    command.id = next_id++;
    REQUIRE(send(command).ok());
    return command.id;
  }
  void set(ObjectId event, bool failed = false) {
    wire::UserEventSet command;
    command.id = event;
    command.failed = failed ? 1 : 0;
    REQUIRE(send(command).ok());
  }
  void release(ObjectId id) {
    wire::ObjectRelease command;
    command.id = id;
    REQUIRE(send(command).ok());
  }
  template <typename Command>
  ObjectId post(ObjectId queue, Command command, const std::vector<ObjectId>& waits = {}) {
    command.enqueue.queue = queue;
    command.enqueue.sequence = ++sequence[queue];
    command.enqueue.event = next_id++;
    command.enqueue.event_at = next_slot();
    slot<wire::EventSlot>(command.enqueue.event_at).stage = static_cast<int>(wire::EventStage::queued);
    slots[command.enqueue.event] = command.enqueue.event_at;
    command.enqueue.wait_count = static_cast<std::uint32_t>(waits.size());
    REQUIRE(send(command, std::as_bytes(std::span(waits))).ok());
    return command.enqueue.event;
  }
  ObjectId marker(ObjectId queue, const std::vector<ObjectId>& waits = {}) {
    return post(queue, wire::Marker{}, waits);
  }
  ObjectId barrier(ObjectId queue, const std::vector<ObjectId>& waits = {}) {
    return post(queue, wire::Barrier{}, waits);
  }
  ObjectId launch(ObjectId queue, ObjectId kernel, std::uint64_t items = 1, const std::vector<ObjectId>& waits = {}) {
    wire::KernelLaunch command;
    command.kernel = kernel;
    command.global_size[0] = items;
    return post(queue, command, waits);
  }
  wire::EventSlot& slot_of(ObjectId event) { return slot<wire::EventSlot>(slots.at(event)); }
  int stage(ObjectId event) { return slot_of(event).stage; }
  std::vector<std::uint64_t> submitted() const {
    std::vector<std::uint64_t> all;
    for (const auto& command : device.commands) all.push_back(reinterpret_cast<InFlight*>(command.token)->sequence);
    return all;
  }

  std::map<ObjectId, std::uint64_t> sequence, slots;
};

constexpr int complete = static_cast<int>(wire::EventStage::complete);

TEST_CASE("with a shut gate commands are held, and go in order once it opens") {
  HeldRig rig;
  const ObjectId queue = rig.queue();
  rig.shut();
  for (int i = 0; i < 5; ++i) rig.marker(queue);
  CHECK(rig.device.commands.empty());
  CHECK(rig.open.grantor.wants());
  rig.unshut();
  CHECK(rig.submitted() == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
}

TEST_CASE("what comes while others are held goes behind them") {
  HeldRig rig;
  const ObjectId first = rig.queue(), second = rig.queue();
  rig.shut();
  const ObjectId event = rig.marker(first);
  rig.open.grantor.grant({});  // and nobody has pumped yet
  rig.marker(second, {event});
  REQUIRE(rig.device.commands.size() == 2);
  CHECK(rig.device.commands[0].with_event);
  CHECK(rig.device.commands[1].waits == 1);
}

TEST_CASE("a command behind an unset user event is not given to the device; independent ones are") {
  HeldRig rig;
  const ObjectId held = rig.queue(), other = rig.queue(), loose = rig.queue(true);
  const ObjectId user = rig.user_event();
  rig.marker(held, {user});
  rig.marker(held);  // in order: behind the first
  const ObjectId kernel = rig.kernel();
  rig.launch(loose, kernel, 1, {user});
  CHECK(rig.device.commands.empty());
  rig.marker(other);
  rig.launch(loose, kernel);
  REQUIRE(rig.device.commands.size() == 2);
  CHECK(rig.device.commands[1].verb == "launch");
  rig.set(user);
  REQUIRE(rig.device.commands.size() == 5);
  CHECK(rig.submitted() == std::vector<std::uint64_t>{1, 2, 1, 2, 1});
}

TEST_CASE("whoever waits for a command that is held is held, too, at any remove") {
  HeldRig rig;
  const ObjectId a = rig.queue(), b = rig.queue(), c = rig.queue(true);
  const ObjectId user = rig.user_event();
  const ObjectId first = rig.marker(a, {user});
  const ObjectId second = rig.marker(b, {first});
  rig.marker(c, {second});
  CHECK(rig.device.commands.empty());
  rig.set(user);
  CHECK(rig.device.commands.size() == 3);
  for (const auto& command : rig.device.commands) CHECK(command.waits == 1);
}

TEST_CASE("two user events: what waits for both goes with the second, in whichever order they are set") {
  HeldRig rig;
  const ObjectId queue = rig.queue(true);
  const ObjectId kernel = rig.kernel();
  const ObjectId one = rig.user_event(), two = rig.user_event();
  rig.launch(queue, kernel, 1, {one, two});
  rig.launch(queue, kernel, 1, {two});
  const bool swapped = GENERATE(false, true);
  rig.set(swapped ? two : one);
  CHECK(rig.submitted() == (swapped ? std::vector<std::uint64_t>{2} : std::vector<std::uint64_t>{}));
  rig.set(swapped ? one : two);
  CHECK(rig.device.commands.size() == 2);
}

TEST_CASE("a barrier of an out-of-order queue waits for what is held, and holds what comes after it") {
  HeldRig rig;
  const ObjectId queue = rig.queue(true);
  const ObjectId kernel = rig.kernel();
  const ObjectId user = rig.user_event();
  rig.launch(queue, kernel, 1, {user});
  rig.launch(queue, kernel);
  rig.barrier(queue);
  rig.launch(queue, kernel);
  CHECK(rig.submitted() == std::vector<std::uint64_t>{2});
  rig.set(user);
  CHECK(rig.submitted() == std::vector<std::uint64_t>{2, 1, 3, 4});
}

TEST_CASE("a barrier that waits for a user event holds all that comes after it, a marker only itself") {
  HeldRig rig;
  const ObjectId queue = rig.queue(true);
  const ObjectId kernel = rig.kernel();
  const ObjectId user = rig.user_event();
  const bool is_barrier = GENERATE(true, false);
  if (is_barrier) rig.barrier(queue, {user});
  else rig.marker(queue, {user});
  rig.launch(queue, kernel);
  CHECK(rig.device.commands.size() == (is_barrier ? 0 : 1));
  rig.set(user);
  CHECK(rig.device.commands.size() == 2);
}

TEST_CASE("a failed user event lets those that waited go to the driver, which fails them") {
  HeldRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId user = rig.user_event();
  const ObjectId event = rig.marker(queue, {user});
  rig.set(user, true);
  CHECK(std::count(rig.device.calls.begin(), rig.device.calls.end(), "user event failed") == 1);
  REQUIRE(rig.device.commands.size() == 1);
  CHECK(rig.device.commands[0].waits == 1);
  rig.device.complete(0, Outcome::wait_list_failed);
  CHECK(rig.stage(event) == static_cast<int>(Outcome::wait_list_failed));
  CHECK(rig.timeline().completed == 1);
}

TEST_CASE("the driver hears of a user event before it gets what waited for it") {
  HeldRig rig;
  rig.device.answer = Outcome::ok;
  const ObjectId queue = rig.queue();
  const ObjectId user = rig.user_event();
  rig.marker(queue, {user});
  rig.shut();
  rig.set(user);
  CHECK(rig.device.calls.back() == "user event");
  CHECK(rig.device.commands.empty());
  rig.unshut();
  CHECK(rig.device.commands.size() == 1);
}

TEST_CASE("a release waits for the held commands that name the object, and no others") {
  HeldRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId kernel = rig.kernel(), bystander = rig.kernel();
  const ObjectId user = rig.user_event();
  const ObjectId event = rig.launch(queue, kernel, 1, {user});
  const std::size_t before = rig.dispatcher.objects().size();
  rig.release(kernel);
  rig.release(user);
  rig.release(event);
  CHECK(rig.dispatcher.objects().size() == before);
  rig.release(bystander);
  CHECK(rig.dispatcher.objects().size() == before - 1);
  rig.set(user);
  REQUIRE(rig.device.commands.size() == 1);
  CHECK(rig.device.commands[0].verb == "launch");
  CHECK(rig.dispatcher.objects().size() == before - 4);
}

TEST_CASE("a queue that is released while commands are held goes behind them") {
  HeldRig rig;
  const ObjectId queue = rig.queue();
  const bool by_gate = GENERATE(true, false);
  const ObjectId user = rig.user_event();
  if (by_gate) rig.shut();
  const ObjectId event = by_gate ? rig.marker(queue) : rig.marker(queue, {user});
  const std::size_t before = rig.dispatcher.objects().size();
  rig.release(queue);
  CHECK(rig.dispatcher.objects().size() == before);
  if (by_gate) rig.unshut();
  else rig.set(user);
  CHECK(rig.dispatcher.objects().size() == before - 1);
  REQUIRE(rig.device.commands.size() == 1);
  rig.device.complete(0);
  CHECK(rig.stage(event) == complete);
  CHECK(rig.timeline().completed == 1);
  rig.dispatcher.flush();
}

TEST_CASE("memory that a held command names stays charged until the command has ended") {
  HeldRig rig;
  const ObjectId queue = rig.queue(), buffer = rig.buffer(4096);
  rig.shut();
  auto fill = wire::BufferRead{};
  fill.buffer = buffer, fill.bytes = 64, fill.arena_at = 4096;
  rig.post(queue, fill);
  rig.release(buffer);
  CHECK(rig.tenant.held_by_session() == 4096);
  rig.unshut();
  REQUIRE(rig.device.commands.size() == 1);
  CHECK(rig.tenant.held_by_session() == 4096);
  rig.device.complete(0);
  CHECK(rig.tenant.held_by_session() == 0);
}

TEST_CASE("when the program is gone, all that is held ends") {
  HeldRig rig;
  const ObjectId queue = rig.queue(), other = rig.queue();
  const ObjectId user = rig.user_event();
  const ObjectId blocked = rig.marker(queue, {user});
  rig.shut();
  const ObjectId ready = rig.marker(other);
  rig.release(other);
  CHECK(rig.completions.in_flight() == 2);
  rig.dispatcher.drop_held();
  CHECK(rig.completions.in_flight() == 0);
  CHECK(rig.stage(blocked) == static_cast<int>(Outcome::device_lost));
  CHECK(rig.stage(ready) == static_cast<int>(Outcome::device_lost));
  CHECK(rig.device.commands.empty());
}

TEST_CASE("a command that turns out to be malformed when it may go is a fault, and has an end like any other") {
  HeldRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId user = rig.user_event();
  auto launch = rig.to<wire::KernelLaunch>(queue, 1);
  launch.argument_count = 5;
  launch.enqueue.wait_count = 1;
  CHECK(rig.send(launch, std::as_bytes(std::span(&user, 1))).ok());
  wire::UserEventSet set;
  set.id = user;
  CHECK(is_fault(rig.send(set)));
  rig.dispatcher.drop_held();
  CHECK(rig.completions.in_flight() == 0);
  CHECK(rig.timeline().completed == 1);
}

TEST_CASE("when too much is ready, no more should be read until some of it has gone") {
  HeldRig rig;
  const ObjectId queue = rig.queue();
  rig.shut();
  for (std::size_t i = 0; i < HeldCommands::ready_max; ++i) {
    CHECK_FALSE(rig.dispatcher.full());
    rig.marker(queue);
  }
  CHECK(rig.dispatcher.full());
  rig.unshut();
  CHECK_FALSE(rig.dispatcher.full());
  CHECK(rig.device.commands.size() == HeldCommands::ready_max);
}

// ---- cutting ----

LeaseTerms cut_at(Nanoseconds piece_ns) {
  LeaseTerms terms;
  terms.piece_ns = piece_ns;
  return terms;
}

struct CutRig : HeldRig {
  // Leases as if others waited, so that launches are cut at a fifth of what one of an unknown kernel is taken to need.
  explicit CutRig(backend::Divisible divisible = backend::Divisible::always) {
    device.divisible = divisible;
    shut();
    open.grantor.grant(cut_at(Lengths::unknown_ns / 5));
  }
};

TEST_CASE("a launch longer than a piece goes in pieces that tile it, and ends once") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId kernel = rig.kernel();
  wire::KernelLaunch command;
  command.kernel = kernel;
  command.global_size[0] = 10 * 256, command.global_offset[0] = 1000;
  const ObjectId event = rig.post(queue, command);
  const auto& pieces = rig.device.commands;
  REQUIRE(pieces.size() == 5);
  std::uint64_t at = 1000;
  for (const auto& piece : pieces) {
    CHECK(piece.launch.global_offset[0] == at);
    at += piece.launch.global_size[0];
    CHECK(piece.with_event == (&piece == &pieces.back()));
  }
  CHECK(at == 1000 + 10 * 256);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    CHECK(rig.stage(event) != complete);
    CHECK(rig.timeline().completed == 0);
    rig.device.complete(i, Outcome::ok, {100 + i, 1000 + 100 * i, 1000 + 100 * i + 70});
  }
  CHECK(rig.stage(event) == complete);
  CHECK(rig.timeline().completed == 1);
  const wire::EventSlot& slot = rig.slot_of(event);
  CHECK(slot.started_ns == 1000);
  CHECK(slot.ended_ns == 1470);
  CHECK(slot.submitted_ns <= slot.started_ns);
  CHECK(rig.meter.device_ns == 5 * 70);
  CHECK(rig.meter.launches == 1);
  CHECK(rig.meter.commands == 1);
}

TEST_CASE("pieces may be reported in any order: first start, last end, one completion") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId event = rig.launch(queue, rig.kernel(), 5 * 256);
  const std::size_t count = rig.device.commands.size();
  REQUIRE(count == 5);
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  std::shuffle(order.begin(), order.end(), std::mt19937(GENERATE(range(1u, 30u))));
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(rig.timeline().completed == 0);
    // Submitted one after the other as there was room: the last long after the first had started.
    const std::size_t which = order[i];
    rig.device.complete(which, Outcome::ok, {900 + 100 * which, 1000 + 100 * which, 1000 + 100 * which + 70});
  }
  CHECK(rig.timeline().completed == 1);
  const wire::EventSlot& slot = rig.slot_of(event);
  CHECK(slot.started_ns == 1000);
  CHECK(slot.ended_ns == 1470);
  CHECK(slot.submitted_ns <= slot.started_ns);
  CHECK(rig.meter.device_ns == 5 * 70);
  CHECK(rig.meter.launches == 1);
}

TEST_CASE("a piece that fails fails the launch, once") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId event = rig.launch(queue, rig.kernel(), 5 * 256);
  REQUIRE(rig.device.commands.size() == 5);
  const std::size_t bad = GENERATE(0u, 2u, 4u);
  for (std::size_t i = 0; i < 5; ++i) rig.device.complete(i, i == bad ? Outcome::out_of_resources : Outcome::ok);
  CHECK(rig.stage(event) == static_cast<int>(Outcome::out_of_resources));
  CHECK(rig.meter.failures == 1);
  CHECK(rig.meter.commands == 1);
  CHECK(rig.meter.launches == 0);
  CHECK(rig.timeline().completed == 1);
}

TEST_CASE("a piece that the driver does not take ends the launch when those before it have ended") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  rig.shut();
  LeaseTerms terms = cut_at(Lengths::unknown_ns / 5);
  terms.until_ns = now_ns() + 1000 * ns_per_s;
  terms.window_ns = Lengths::unknown_ns / 4;  // one piece at a time
  rig.open.grantor.grant(terms);
  const ObjectId event = rig.launch(queue, rig.kernel(), 5 * 256);
  REQUIRE(rig.device.commands.size() == 1);
  // The estimate stays, so that more is to come.
  rig.device.complete(0, Outcome::ok, {0, 0, Lengths::unknown_ns / 5});
  REQUIRE(rig.dispatcher.pump().ok());
  REQUIRE(rig.device.commands.size() == 2);
  rig.device.answer = Outcome::out_of_resources;
  rig.device.complete(1, Outcome::ok, {0, 0, Lengths::unknown_ns / 5});
  REQUIRE(rig.dispatcher.pump().ok());
  CHECK(rig.device.commands.size() == 2);
  CHECK(rig.stage(event) == static_cast<int>(Outcome::out_of_resources));
  CHECK(rig.completions.in_flight() == 0);
  CHECK(rig.meter.commands == 1);
}

TEST_CASE("a launch that was half done when the program went ends when its pieces do") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  rig.shut();
  LeaseTerms terms = cut_at(Lengths::unknown_ns / 5);
  terms.until_ns = now_ns() + 1000 * ns_per_s;
  terms.window_ns = Lengths::unknown_ns / 4;
  rig.open.grantor.grant(terms);
  rig.launch(queue, rig.kernel(), 5 * 256);
  REQUIRE(rig.device.commands.size() == 1);
  rig.dispatcher.drop_held();
  CHECK(rig.completions.in_flight() == 1);
  rig.device.complete(0);
  CHECK(rig.completions.in_flight() == 0);
}

TEST_CASE("what can tell, short launches and those of out-of-order queues go whole") {
  CutRig never(backend::Divisible::never), cut;
  never.launch(never.queue(), never.kernel(), 5 * 256);
  CHECK(never.device.commands.size() == 1);
  cut.launch(cut.queue(true), cut.kernel(), 5 * 256);
  CHECK(cut.device.commands.size() == 1);
  cut.device.complete(0);
  cut.shut();
  cut.open.grantor.grant(cut_at(2 * Lengths::unknown_ns));
  cut.launch(cut.queue(), cut.kernel(), 5 * 256);
  CHECK(cut.device.commands.size() == 2);
}

TEST_CASE("the length of a launch is learnt from its pieces") {
  CutRig rig;
  const ObjectId queue = rig.queue();
  const ObjectId kernel = rig.kernel();
  rig.launch(queue, kernel, 5 * 256);
  for (std::size_t i = 0; i < 5; ++i) rig.device.complete(i, Outcome::ok, {0, 1000, 1000 + 20 * ns_per_us});
  // A hundred microseconds in all, so less than a piece of 200.
  rig.launch(queue, kernel, 5 * 256);
  CHECK(rig.device.commands.size() == 6);
}

// ---- a storm, against a model ----

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
      REQUIRE(rig_.dispatcher.pump().ok());
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
    REQUIRE(rig_.dispatcher.pump().ok());
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
      REQUIRE(rig_.dispatcher.pump().ok());
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
    CHECK(rig_.dispatcher.objects().size() == queues_.size() + 2);  // with the kernel and its program
  }

  struct StormRig : HeldRig {
    const QueueProgress* progress(ObjectId id) {
      return const_cast<ObjectTable&>(dispatcher.objects()).find<QueueEntry>(id)->progress;
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
