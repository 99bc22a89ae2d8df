#include "daemon/sessions/lease.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace sluice {
namespace {

struct Page {
  TermsPage terms{};
  ReportPage report{};
  UniqueFd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  LeaseHolder holder{terms, report, kick.get()};
  LeaseGrantor grantor{terms, report};

  // A new daemon, whose page the worker finds in the place of the old one.
  void take_over() {
    TermsPage before{};
    std::memcpy(static_cast<void*>(&before), static_cast<const void*>(&terms), sizeof before);
    grantor = LeaseGrantor::take_over(terms, report, before);
  }

  std::uint64_t kicks() const {
    std::uint64_t count = 0;
    return ::read(kick.get(), &count, sizeof count) == sizeof count ? count : 0;
  }
};

TEST_CASE("nothing begins without a lease") {
  Page page;
  CHECK_FALSE(page.holder.held());
  CHECK_FALSE(page.holder.begin());
  CHECK(page.holder.in_flight() == 0);
  page.grantor.grant({});
  CHECK(page.holder.begin());
  CHECK(page.holder.in_flight() == 1);
}

TEST_CASE("a grant brings its terms, a number, and something to wake up by") {
  Page page;
  const std::uint32_t changed = page.holder.changed(), number = page.holder.number();
  page.grantor.grant({1, 2, 3, 4, 5});
  CHECK(page.holder.changed() != changed);
  CHECK(page.holder.number() != number);
  const LeaseTerms terms = page.holder.terms();
  CHECK(terms.budget_ns == 1);
  CHECK(terms.until_ns == 2);
  CHECK(terms.window_ns == 3);
  CHECK(terms.piece_ns == 4);
  CHECK(terms.linger_ns == 5);
}

TEST_CASE("a wish is told once, until a grant answers it") {
  Page page;
  page.holder.want();
  page.holder.want();
  CHECK(page.kicks() == 1);
  CHECK(page.grantor.wants());
  page.grantor.grant({});
  CHECK_FALSE(page.grantor.wants());
}

TEST_CASE("a lease with nothing in flight is taken at once, and nobody is told") {
  Page page;
  page.grantor.grant({});
  CHECK(page.grantor.ask_back());
  CHECK_FALSE(page.grantor.held());
  CHECK_FALSE(page.holder.begin());
  CHECK(page.kicks() == 0);
}

TEST_CASE("a lease with commands in flight comes back with the last of them, once, with the wish and a kick") {
  Page page;
  const bool wants_more = GENERATE(true, false);
  page.grantor.grant({});
  for (int i = 0; i < 3; ++i) REQUIRE(page.holder.begin());
  CHECK_FALSE(page.grantor.ask_back());
  CHECK(page.holder.asked_back());
  CHECK_FALSE(page.holder.begin());
  CHECK_FALSE(page.holder.end(wants_more));
  CHECK_FALSE(page.holder.end(wants_more));
  CHECK(page.grantor.held());
  CHECK(page.kicks() == 0);
  CHECK(page.holder.end(wants_more));
  CHECK_FALSE(page.grantor.held());
  CHECK(page.grantor.wants() == wants_more);
  CHECK(page.kicks() == 1);
  CHECK_FALSE(page.holder.give_back(wants_more));
  CHECK(page.kicks() == 0);
}

TEST_CASE("a worker gives back what it has no use for, at once or when the last command ends") {
  Page page;
  page.grantor.grant({});
  CHECK(page.holder.give_back(false));
  CHECK(page.kicks() == 1);
  CHECK_FALSE(page.grantor.wants());
  page.grantor.grant({});
  REQUIRE(page.holder.begin());
  CHECK_FALSE(page.holder.give_back(true));
  CHECK_FALSE(page.holder.begin());
  CHECK(page.grantor.held());
  CHECK(page.holder.end(true));
  CHECK(page.grantor.wants());
}

TEST_CASE("asking back what was given back already does nothing, and the next lease is whole") {
  Page page;
  page.grantor.grant({});
  REQUIRE(page.holder.give_back(true));
  CHECK_FALSE(page.grantor.ask_back());
  page.grantor.grant({});
  CHECK(page.holder.held());
  CHECK_FALSE(page.holder.asked_back());
  CHECK(page.holder.begin());
  CHECK_FALSE(page.holder.end(false));
  CHECK(page.holder.held());
}

TEST_CASE("while no daemon lives the worker grants itself leases, and no daemon's number is used up") {
  Page page;
  page.grantor.grant({});
  REQUIRE(page.grantor.ask_back());
  LeaseTerms own;
  own.budget_ns = 5;
  page.holder.grant_oneself(own);
  CHECK(page.holder.held());
  CHECK(page.holder.terms().budget_ns == 5);
  CHECK(page.holder.begin());
  CHECK_FALSE(page.holder.end(false));
  CHECK(page.holder.give_back(false));
  CHECK_FALSE(page.holder.held());
  page.holder.grant_oneself(own);
  CHECK(page.holder.held());
}

TEST_CASE("a new daemon's first lease is the one that comes back when nothing of the worker's own is in flight") {
  const bool in_flight = GENERATE(true, false);
  Page page;
  page.grantor.grant({});
  REQUIRE(page.grantor.ask_back());
  page.holder.grant_oneself({});
  if (in_flight) REQUIRE(page.holder.begin());
  page.take_over();
  CHECK(page.grantor.held());
  (void)page.kicks();
  page.holder.follow_daemon(true);
  CHECK(page.grantor.held() == in_flight);
  CHECK_FALSE(page.holder.begin());
  if (in_flight) CHECK(page.holder.end(true));
  CHECK_FALSE(page.grantor.held());
  CHECK(page.kicks() >= 1);
  CHECK(page.grantor.wants());
  page.grantor.grant({});
  CHECK(page.holder.held());
  CHECK(page.holder.begin());
}

TEST_CASE("a lease that the daemon before had granted goes on until the worker follows the next one") {
  Page page;
  page.grantor.grant({});
  REQUIRE(page.holder.begin());
  page.take_over();
  page.holder.follow_daemon(false);
  CHECK(page.grantor.held());
  CHECK(page.holder.end(false));
  CHECK_FALSE(page.grantor.held());
}

TEST_CASE("a worker that compiled when its daemon died goes on under the next daemon's first grant") {
  Page page;
  page.grantor.grant({});
  REQUIRE(page.holder.begin());
  page.holder.begin_compile();
  page.take_over();
  page.holder.follow_daemon(true);
  CHECK_FALSE(page.grantor.held());
  CHECK(page.grantor.wants());
  page.grantor.grant({});
  CHECK(page.holder.end_compile());
  CHECK_FALSE(page.holder.end(false));
}

TEST_CASE("whatever a worker writes into its report, the daemon counts no more idle time than has passed") {
  std::mt19937_64 random(1);
  Page page;
  for (int round = 0; round < 10'000; ++round) {
    const Nanoseconds before = now_ns();
    if (!page.grantor.held()) page.grantor.grant({});
    for (auto* word : {&page.report.lease, &page.report.idle_ns, &page.report.idle_since_ns}) word->store(random());
    page.report.lease_wish = static_cast<std::uint32_t>(random());
    page.report.ending_compile = static_cast<std::uint32_t>(random());
    (void)page.grantor.wants();
    (void)page.grantor.ask_back();
    REQUIRE(page.grantor.idle_ns(before) <= now_ns());
    page.report.lease = 0;  // the lease that was granted is not given back by a number alone
    if (page.grantor.held()) page.report.lease = page.terms.grant.lease.load() >> 32 << 32;
    REQUIRE_FALSE(page.grantor.held());
  }
}

TEST_CASE("idle time counts only while the lease is held with nothing in flight, and from nothing for each lease") {
  Page page;
  page.grantor.grant({});
  const Nanoseconds later = now_ns() + ns_per_s;
  CHECK(page.holder.idle_for(later) >= ns_per_s / 2);
  CHECK(page.grantor.idle_ns(later) >= ns_per_s / 2);
  REQUIRE(page.holder.begin());
  CHECK(page.holder.idle_for(later) == 0);
  const Nanoseconds before = page.grantor.idle_ns(later);
  CHECK(before < ns_per_s / 2);
  CHECK(page.grantor.idle_ns(later + ns_per_s) == before);
  REQUIRE_FALSE(page.holder.end(false));
  CHECK(page.grantor.idle_ns(now_ns() + ns_per_s) >= ns_per_s);
  REQUIRE(page.grantor.ask_back());
  CHECK(page.holder.idle_for(later) == 0);
  page.grantor.grant({});
  CHECK(page.grantor.idle_ns(now_ns()) < ns_per_s / 2);
  REQUIRE(page.holder.begin());
  CHECK(page.grantor.idle_ns(later) < ns_per_s / 2);
}

TEST_CASE(
    "a worker that compiles gives the lease back with commands in flight, and goes on with them under the next one") {
  Page page;
  page.grantor.grant({});
  for (int i = 0; i < 3; ++i) REQUIRE(page.holder.begin());
  page.holder.begin_compile();
  CHECK(page.kicks() == 1);
  CHECK_FALSE(page.grantor.held());
  CHECK_FALSE(page.grantor.wants());
  CHECK_FALSE(page.holder.end(false));  // one that was running
  CHECK_FALSE(page.holder.end_compile());
  page.grantor.grant({});
  CHECK(page.grantor.held());
  CHECK_FALSE(page.holder.begin());  // not before it has come back
  CHECK(page.holder.end_compile());
  CHECK(page.holder.in_flight() == 2);
  CHECK(page.holder.begin());
  for (int i = 0; i < 3; ++i) CHECK_FALSE(page.holder.end(false));
  CHECK(page.grantor.ask_back());
}

TEST_CASE(
    "a lease that is asked back before its holder has come back is taken at once: nothing of it is on the device") {
  Page page;
  page.grantor.grant({});
  REQUIRE(page.holder.begin());
  page.holder.begin_compile();
  page.grantor.grant({});
  CHECK(page.grantor.ask_back());
  CHECK_FALSE(page.grantor.held());
  CHECK_FALSE(page.holder.end_compile());
  page.grantor.grant({});
  CHECK(page.holder.end_compile());
  CHECK_FALSE(page.grantor.ask_back());
  CHECK(page.holder.end(false));
  CHECK_FALSE(page.grantor.held());
}

TEST_CASE("of two threads that compile the first to be ready takes both along") {
  Page page;
  page.grantor.grant({});
  REQUIRE(page.holder.begin());
  REQUIRE(page.holder.begin());
  page.holder.begin_compile();
  page.holder.begin_compile();
  CHECK(page.kicks() == 1);
  page.grantor.grant({});
  CHECK(page.holder.end_compile());
  CHECK(page.holder.end_compile());
  CHECK(page.holder.in_flight() == 2);
}

TEST_CASE("threads that begin and end while the lease comes and goes: never without a lease, and each comes back") {
  const unsigned seed = GENERATE(1u, 2u, 3u);
  Page page;
  std::atomic<bool> over{false};
  std::atomic<int> running{0}, unleased{0};
  std::atomic<std::uint64_t> begun{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      std::mt19937 random(seed * 10 + i);
      while (!over.load()) {
        if (!page.holder.begin()) {
          if (!page.holder.held()) page.holder.want();
          std::this_thread::yield();
          continue;
        }
        ++running, ++begun;
        if (!page.holder.held()) ++unleased;
        if (random() % 4 == 0) std::this_thread::yield();
        if (random() % 16 == 0) (void)page.holder.give_back(true);
        --running;
        (void)page.holder.end(random() % 2 == 0);
      }
    });
  std::mt19937 random(seed);
  bool silent = false;
  const Nanoseconds patience_ns = now_ns() + 40 * ns_per_s;
  for (int turn = 0; (turn < 2000 || begun < 1000) && !silent && now_ns() < patience_ns; ++turn) {
    REQUIRE_FALSE(page.grantor.held());
    CHECK(running == 0);
    page.grantor.grant({});
    if (random() % 4 != 0) std::this_thread::yield();
    if (page.grantor.ask_back()) continue;
    // It was given back, or will be: then there is a kick.
    pollfd kick{page.kick.get(), POLLIN, 0};
    while (page.grantor.held() && !silent) {
      silent = ::poll(&kick, 1, 20'000) != 1;
      (void)page.kicks();
    }
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(silent);
  CHECK(unleased == 0);
  CHECK(page.holder.in_flight() == 0);
  CHECK(begun >= 1000);
}

TEST_CASE("threads that compile while the lease comes and goes always go on, and nothing stays in flight") {
  Page page;
  std::atomic<int> done{0};
  std::atomic<bool> stuck{false};
  constexpr int rounds = 2000;
  const auto sleep = [&](std::uint32_t seen) {
    page.holder.want();
    const Nanoseconds deadline_ns = now_ns() + 20 * ns_per_s;
    wire::futex_wait(page.holder.changed(), seen, deadline_ns);
    if (now_ns() >= deadline_ns) stuck = true;
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      std::mt19937 random(i);
      for (int round = 0; round < rounds && !stuck;) {
        const std::uint32_t seen = page.holder.changed();
        if (!page.holder.begin()) {
          if (page.holder.compiling()) std::this_thread::yield();
          else if (!page.holder.held()) sleep(seen);
          continue;
        }
        if (random() % 2 == 0) {
          page.holder.begin_compile();
          if (random() % 2 == 0) std::this_thread::yield();
          for (std::uint32_t changed = page.holder.changed(); !page.holder.end_compile() && !stuck;
               changed = page.holder.changed())
            sleep(changed);
        }
        (void)page.holder.end(random() % 2 == 0);
        ++round;
      }
      ++done;
    });
  std::mt19937 random(7);
  while (done < 3) {
    if (!page.grantor.held() && page.grantor.wants()) page.grantor.grant({});
    if (random() % 4 == 0) (void)page.grantor.ask_back();
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(stuck);
  CHECK(page.holder.in_flight() == 0);
  CHECK_FALSE(page.holder.compiling());
}

TEST_CASE("a worker that wants is heard, however its lease ended: no wish is lost between the two sides") {
  Page page;
  std::atomic<bool> over{false};
  // The worker sleeps until it is granted a lease again; if its wish were lost, both would sleep.
  std::thread worker([&] {
    while (!over.load()) {
      const std::uint32_t seen = page.holder.changed().load();
      if (!page.holder.held()) {
        page.holder.want();
        if (!over.load()) (void)wire::futex_wait(page.holder.changed(), seen, now_ns() + 20 * ns_per_s);
        continue;
      }
      if (page.holder.begin()) (void)page.holder.end(true);
      (void)page.holder.give_back(true);
    }
  });
  bool heard = true;
  for (int turn = 0; turn < 5000 && heard; ++turn) {
    pollfd kick{page.kick.get(), POLLIN, 0};
    while (heard && (page.grantor.held() || !page.grantor.wants())) {
      heard = ::poll(&kick, 1, 10'000) == 1;
      (void)page.kicks();
    }
    page.grantor.grant({});
    if (turn % 2 == 0) (void)page.grantor.ask_back();
  }
  over = true;
  if (!page.grantor.held()) page.grantor.grant({});
  page.holder.changed().fetch_add(1);
  wire::futex_wake_all(page.holder.changed());
  worker.join();
  CHECK(heard);
}

}  // namespace
}  // namespace sluice
