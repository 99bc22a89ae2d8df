#include "daemon/server/sessions/memory_grants.h"

#include <sys/eventfd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "tests/base/run_apart.h"

namespace sluice::server {
namespace {

constexpr std::uint64_t limit = 1000;

// A session's words, and a worker that acts between the daemon's steps.
struct Words {
  std::uint64_t granted = 0, held = 0, wanted = 0, wish = 0, answered = 0;
  bool current = true;
  std::function<void()> between;  // the others' steps

  bool take(std::uint64_t bytes) {
    if (bytes > granted || held > granted - bytes) return false;
    held += bytes;
    return true;
  }
  void ask(std::uint64_t bytes) {
    wanted = held + bytes;
    wish += wish % 2 == 1 ? 2 : 1;
  }
  bool asks() const { return wish % 2 == 1; }
  void settle() { wish += wish % 2; }
};

class ModelGrantor final : public MemoryGrantor {
 public:
  explicit ModelGrantor(Words& words) : words_(words) {}
  void set_granted(std::uint64_t bytes) override {
    step();
    words_.granted = bytes;
    step();
  }
  std::uint64_t held() const override {
    step();
    return words_.held;
  }
  std::optional<MemoryWish> wish() const override {
    step();
    if (!words_.asks()) return std::nullopt;
    return MemoryWish{words_.wish, words_.wanted};
  }
  void answer(const MemoryWish& wish) override { words_.answered = wish.number; }
  bool current() const override { return words_.current; }

 private:
  void step() const {
    if (words_.between) words_.between();
  }
  Words& words_;
};

struct Rig {
  std::vector<Words> words;
  MemoryGrants grants;

  explicit Rig(std::size_t count, std::uint64_t limit_bytes = limit) : words(count) {
    for (std::size_t id = 0; id < count; ++id)
      grants.open({id, 0}, "alice", limit_bytes, std::make_unique<ModelGrantor>(words[id]));
  }
  std::uint64_t granted() const {
    std::uint64_t sum = 0;
    for (const Words& session : words) sum += session.granted;
    return sum;
  }
  std::uint64_t held() const {
    std::uint64_t sum = 0;
    for (const Words& session : words) sum += session.held;
    return sum;
  }
  // As MemoryHolder::reserve, with a daemon that hears at once.
  bool reserve(std::size_t id, std::uint64_t bytes) {
    Words& session = words[id];
    while (!session.take(bytes)) {
      session.ask(bytes);
      grants.answer_request({id, 0});
      REQUIRE(session.answered == session.wish);
      if (session.granted >= session.wanted) continue;
      session.settle();
      return false;
    }
    session.settle();
    return true;
  }
};

TEST_CASE("a tenant's first session is granted all of the limit, and a second one what the first does not use") {
  Rig rig(2);
  CHECK(rig.words[0].granted == limit);
  CHECK(rig.words[1].granted == 0);
  REQUIRE(rig.reserve(0, 600));
  CHECK_FALSE(rig.reserve(1, 401));
  CHECK(rig.reserve(1, 400));
  CHECK_FALSE(rig.reserve(0, 1));
  CHECK(rig.grants.held_by("alice") == limit);
  rig.words[0].held -= 600;
  CHECK(rig.reserve(1, 600));
  CHECK(rig.granted() == limit);
}

TEST_CASE("a refused session changes nobody's grant") {
  Rig rig(3);
  REQUIRE(rig.reserve(0, 10));
  REQUIRE(rig.reserve(1, 500));
  const auto granted = std::vector{rig.words[0].granted, rig.words[1].granted, rig.words[2].granted};
  CHECK_FALSE(rig.reserve(2, 491));
  CHECK_FALSE(rig.reserve(2, UINT64_MAX));
  CHECK(std::vector{rig.words[0].granted, rig.words[1].granted, rig.words[2].granted} == granted);
}

TEST_CASE("what a closed session held is free for its tenant's others, and tenants share nothing") {
  Rig rig(2);
  Words other;
  rig.grants.open({9, 0}, "bob", 50, std::make_unique<ModelGrantor>(other));
  REQUIRE(rig.reserve(0, 900));
  rig.grants.close({0, 0});
  CHECK(rig.reserve(1, limit));
  CHECK(other.granted == 50);
  CHECK(rig.grants.held_by("bob") == 0);
}

TEST_CASE("a session that asks gets more than it needs, so that it need not ask for each byte") {
  Rig rig(2);
  REQUIRE(rig.reserve(1, 1));
  CHECK(rig.words[1].granted >= limit / 4);
  CHECK(rig.words[0].granted >= limit / 4);
}

TEST_CASE("a limit below what is held takes nothing away and lets nothing more be had") {
  Rig rig(2);
  REQUIRE(rig.reserve(0, 300));
  REQUIRE(rig.reserve(1, 500));
  rig.grants.set_limit("alice", 500);
  CHECK(rig.grants.held_by("alice") == 800);
  CHECK_FALSE(rig.reserve(0, 1));
  CHECK_FALSE(rig.reserve(1, 1));
  rig.words[1].held -= 300;
  CHECK_FALSE(rig.reserve(0, 1));
  rig.words[1].held -= 1;
  CHECK(rig.reserve(0, 1));
  rig.grants.set_limit("alice", 501);
  CHECK(rig.reserve(1, 1));
  CHECK_FALSE(rig.reserve(0, 1));
  CHECK(rig.grants.held_by("alice") == 501);
}

TEST_CASE("a raised limit is there for whoever asks") {
  Rig rig(1);
  REQUIRE(rig.reserve(0, limit));
  CHECK_FALSE(rig.reserve(0, 1));
  rig.grants.set_limit("alice", limit + 1);
  CHECK(rig.reserve(0, 1));
  CHECK_FALSE(rig.reserve(0, 1));
}

TEST_CASE("what was granted to a wish is not taken away before the session could take it") {
  Rig rig(2);
  rig.words[1].ask(700);
  rig.grants.answer_request({1, 0});
  REQUIRE(rig.words[1].granted >= 700);
  CHECK_FALSE(rig.reserve(0, 400));
  CHECK(rig.reserve(0, 300));
  CHECK(rig.reserve(1, 700));
  CHECK(rig.grants.held_by("alice") == limit);
}

TEST_CASE("a session that says it holds more than it was granted keeps its own grant, and no more") {
  Rig rig(3);
  REQUIRE(rig.reserve(1, 100));
  rig.words[0].held = UINT64_MAX;
  CHECK(rig.grants.held_by("alice") <= limit);
  CHECK(rig.reserve(2, limit - rig.words[0].granted - 100));
  CHECK(rig.granted() <= limit);
}

TEST_CASE("garbage in a report neither grants more than the limit nor takes from another tenant") {
  std::mt19937_64 random(3);
  Rig rig(4);
  Words other;
  rig.grants.open({9, 0}, "bob", 50, std::make_unique<ModelGrantor>(other));
  for (int round = 0; round < 20'000; ++round) {
    Words& liar = rig.words[random() % rig.words.size()];
    const bool small = random() % 2 == 0;
    liar.held = small ? random() % (2 * limit) : random();
    liar.wanted = small ? random() % (2 * limit) : random();
    liar.wish = random();
    rig.grants.answer_request({random() % rig.words.size(), 0});
    if (random() % 50 == 0) rig.grants.set_limit("alice", random() % 5 == 0 ? random() % limit : limit);
    REQUIRE(rig.granted() <= limit);
    REQUIRE(rig.grants.held_by("alice") <= 4 * limit);
    REQUIRE(other.granted == 50);
  }
}

// ---- a new daemon ----

TEST_CASE("a worker that says it holds more, once there was room for another, makes nobody's grant exceed the limit") {
  Rig rig(2);
  rig.words[0].held = 900;
  rig.grants.set_limit("alice", 500);
  REQUIRE(rig.granted() == 0);
  rig.words[0].held = 0;
  rig.words[1].ask(300);
  rig.words[0].between = [&, looks = 0]() mutable {
    if (++looks > 1) rig.words[0].held = 900;
  };
  rig.grants.answer_request({1, 0});
  CHECK(rig.words[1].granted == 300);
}

TEST_CASE("a binding is not opened twice") {
  Rig rig(1);
  const auto again = [&] { rig.grants.open({0, 0}, "alice", limit, std::make_unique<ModelGrantor>(rig.words[0])); };
  CHECK_THAT(test::run_apart(again).words, Catch::Contains("a requirement is broken"));
}

// ---- moves ----

struct MovingRig : Rig {
  Words target;
  MovingRig() : Rig(2) {
    REQUIRE(reserve(0, 400));
    grants.open_target({0, 0}, {0, 1}, std::make_unique<ModelGrantor>(target));
  }
  bool reserve_at_target(std::uint64_t bytes) {
    while (!target.take(bytes)) {
      target.ask(bytes);
      grants.answer_request({0, 1});
      REQUIRE(target.answered == target.wish);
      if (target.granted >= target.wanted) continue;
      target.settle();
      return false;
    }
    target.settle();
    return true;
  }
};

TEST_CASE("a session that moves is counted once while both its workers hold its memory") {
  MovingRig rig;
  CHECK(rig.reserve_at_target(400));
  CHECK(rig.grants.held_by("alice") == 400);
  CHECK(rig.reserve(1, 600));
  CHECK_FALSE(rig.reserve(1, 1));
  CHECK_FALSE(rig.reserve_at_target(1));
  CHECK_FALSE(rig.reserve(0, 1));
}

TEST_CASE("the target of a move has what the session has, and may ask for more in its place") {
  MovingRig rig;
  REQUIRE(rig.reserve(1, 300));
  CHECK(rig.target.granted == rig.words[0].granted);
  CHECK(rig.reserve_at_target(700));
  CHECK_FALSE(rig.reserve_at_target(1));
  CHECK_FALSE(rig.reserve(1, 1));
  CHECK(rig.grants.held_by("alice") == 1000);
}

TEST_CASE("what a target holds is the session's after the commit, and nothing of it is before an end without one") {
  MovingRig rig;
  REQUIRE(rig.reserve_at_target(400));
  SECTION("committed") {
    rig.grants.commit_target({0, 1});
    CHECK(rig.grants.held_by("alice") == 400);
    rig.words[0].held = 0;
    CHECK(rig.grants.held_by("alice") == 400);
    REQUIRE(rig.reserve(1, 600));
    CHECK_FALSE(rig.reserve_at_target(1));
    rig.grants.close({0, 1});
    CHECK(rig.reserve(1, 400));
  }
  SECTION("undone") {
    rig.grants.close({0, 1});
    CHECK(rig.grants.held_by("alice") == 400);
    CHECK(rig.reserve(0, 600));
    CHECK(rig.target.granted == 0);
  }
  SECTION("the session ends") {
    rig.grants.close({0, 0});
    rig.grants.close({0, 1});
    CHECK(rig.reserve(1, 1000));
  }
}

TEST_CASE("a limit that falls while a session moves is no more than before for either of its workers") {
  MovingRig rig;
  rig.grants.set_limit("alice", 100);
  CHECK(rig.words[0].granted == 0);
  CHECK(rig.reserve_at_target(400));  // what the session holds already
  CHECK_FALSE(rig.reserve_at_target(1));
  CHECK_FALSE(rig.reserve(1, 1));
  rig.grants.commit_target({0, 1});
  CHECK(rig.grants.held_by("alice") == 400);
  CHECK_FALSE(rig.reserve(1, 1));
}

TEST_CASE("while sessions of an earlier daemon are still to come, no wish is answered") {
  MemoryGrants grants;
  Words first, second;
  grants.hold();
  grants.take_over({1, 0}, "alice", limit, std::make_unique<ModelGrantor>(first), 400);
  first.ask(500);
  grants.answer_request({1, 0});
  CHECK(first.answered == 0);
  grants.take_over({2, 0}, "alice", limit, std::make_unique<ModelGrantor>(second), 600);
  CHECK(first.granted == 400);
  CHECK(second.granted == 600);
  grants.release();
  CHECK(first.answered == first.wish);
  CHECK(first.granted >= 500);
}

TEST_CASE("a session whose worker still looks at the old page keeps its grant, and who needs of it waits") {
  MemoryGrants grants;
  Words old, asks;
  old.current = false;
  grants.take_over({1, 0}, "alice", limit, std::make_unique<ModelGrantor>(old), 900);
  grants.take_over({2, 0}, "alice", limit, std::make_unique<ModelGrantor>(asks), 100);
  asks.ask(200);
  grants.answer_request({2, 0});
  CHECK(asks.answered == 0);
  CHECK(old.granted == 900);
  old.current = true;
  grants.answer_request({1, 0});
  CHECK(asks.answered == asks.wish);
  CHECK(asks.granted >= 200);
  CHECK(old.granted + asks.granted <= limit);
}

TEST_CASE("a limit that was lowered while no daemon lived holds as soon as the workers look at the new pages") {
  MemoryGrants grants;
  Words words;
  words.current = false;
  grants.take_over({1, 0}, "alice", 500, std::make_unique<ModelGrantor>(words), limit);
  CHECK(words.granted == limit);
  words.current = true;
  grants.answer_request({1, 0});
  CHECK(words.granted == 500);
}

// ---- every interleaving ----

// Workers act between any two steps of the daemon. What they hold together is checked after each of their steps, and a
// refusal against the most that the others held at one moment while it was decided.
struct Interleaved {
  static constexpr std::size_t count = 4;
  explicit Interleaved(unsigned seed) : random(seed), rig(count) {
    for (Words& session : rig.words) session.between = [this] { act(); };
  }
  std::uint64_t held_by_others() const { return rig.held() - rig.words[asking].held; }
  void act() {
    if (acting || random() % 3 != 0) return;
    acting = true;
    for (unsigned steps = random() % 4; steps > 0; --steps) step(random() % count);
    acting = false;
    REQUIRE(rig.held() <= limit);
    others_max = std::max(others_max, held_by_others());
  }
  // A worker's memory comes or goes, within its grant.
  void step(std::size_t id) {
    Words& session = rig.words[id];
    if (id == asking) return;
    if (random() % 2 == 0) session.held -= random() % (session.held + 1);
    else (void)session.take(random() % 300);
  }
  void turn() {
    asking = random() % count;
    Words& session = rig.words[asking];
    const std::uint64_t bytes = random() % 600 + 1;
    if (random() % 4 == 0) session.held -= random() % (session.held + 1);
    others_max = held_by_others();
    const std::uint64_t wanted = session.held + bytes;
    if (!rig.reserve(asking, bytes)) {
      REQUIRE(others_max + wanted > limit);
      ++refused;
    }
  }

  std::mt19937 random;
  bool acting = false;
  std::size_t asking = 0, refused = 0;
  std::uint64_t others_max = 0;
  Rig rig;
};

TEST_CASE("whatever workers do between the daemon's steps, they never hold too much, and a refusal is true") {
  const unsigned seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  Interleaved run(seed);
  for (int turn = 0; turn < 5'000; ++turn) {
    run.turn();
    REQUIRE(run.rig.held() <= limit);
    REQUIRE(run.rig.granted() <= limit);
  }
  CHECK(run.refused > 100);
}

// ---- real pages, real threads ----

struct Paged {
  TermsPage terms{};
  ReportPage report{};
  UniqueFd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  MemoryHolder holder{terms, report, kick.get()};
};

TEST_CASE("threads that allocate and free at once get all of the limit and never more") {
  constexpr std::size_t count = 3;
  MemoryGrants grants;
  std::vector<Paged> sessions(count);
  for (std::size_t id = 0; id < count; ++id)
    grants.open({id, 0}, "alice", limit, std::make_unique<PageMemoryGrantor>(sessions[id].terms, sessions[id].report));
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> held{0}, too_much{0}, refused{0}, taken{0};
  std::jthread daemon([&](const std::stop_token& stop) {
    while (!stop.stop_requested())
      for (std::size_t id = 0; id < count; ++id) grants.answer_request({id, 0});
  });
  std::vector<std::jthread> workers;
  for (std::size_t id = 0; id < count; ++id)
    workers.emplace_back([&, id] {
      std::mt19937 random(static_cast<unsigned>(id));
      while (!over) {
        const std::uint64_t bytes = random() % 700 + 1;
        if (!sessions[id].holder.reserve(bytes).ok()) {
          ++refused;
          continue;
        }
        if (held.fetch_add(bytes) + bytes > limit) ++too_much;
        ++taken;
        if (random() % 8 == 0) std::this_thread::yield();
        held.fetch_sub(bytes);
        sessions[id].holder.release(bytes);
      }
    });
  // A second, or as long as the machine needs until they have met often.
  const Nanoseconds end_ns = now_ns() + ns_per_s, patience_ns = now_ns() + 30 * ns_per_s;
  while (now_ns() < end_ns || (taken <= 100 && now_ns() < patience_ns))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  over = true;
  workers.clear();
  CHECK(too_much == 0);
  CHECK(taken > 100);
  CHECK(grants.held_by("alice") == 0);
  for (std::size_t id = 0; id < count; ++id) {
    CHECK(sessions[id].holder.reserve(limit).ok());
    sessions[id].holder.release(limit);
  }
}

}  // namespace
}  // namespace sluice::server
