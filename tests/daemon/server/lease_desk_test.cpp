#include "daemon/server/lease_desk.h"

#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "base/log.h"

namespace sluice::server {
namespace {

using arbiter::ComputeTerms;
using arbiter::Why;

constexpr Nanoseconds patience_ns = 30 * ns_per_s;

// What the kernel counts of a worker, in the test's hand.
struct FakeClock final : metering::CpuClock {
  std::optional<Nanoseconds> cpu_ns() const override { return lost ? std::nullopt : std::optional(used_ns.load()); }
  std::atomic<Nanoseconds> used_ns{0};
  std::atomic<bool> lost{false};
};

// One session's page and meter, and a hand to play its worker.
struct Desked {
  TermsPage terms{};
  ReportPage report{};
  UniqueFd kick{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  metering::MeterPage& meter = report.meter;
  LeaseHolder holder{terms, report, kick.get()};
  std::shared_ptr<FakeClock> clock = std::make_shared<FakeClock>();
  std::uint64_t id = 0;

  // As a session of an earlier daemon, whose worker has been sent this one's page.
  LeaseDesk::Opening adoption(const std::string& tenant) {
    LeaseDesk::Opening adopted = opening(tenant);
    const TermsPage before{};
    adopted.lease = LeaseGrantor::take_over(terms, report, before);
    return adopted;
  }

  Desked() = default;
  explicit Desked(std::uint64_t number) : id(number) {}

  LeaseDesk::Opening opening(const std::string& tenant, const ComputeTerms& promised = {}) {
    LeaseDesk::Opening opening;
    opening.session_id = id;
    opening.tenant = opening.name = tenant;
    opening.terms = promised;
    opening.lease = LeaseGrantor(terms, report);
    opening.kick_fd = kick.get();
    opening.meter = &meter;
    return opening;
  }
  // On a device of two units whose kernels run in the worker.
  LeaseDesk::Opening proved(const std::string& tenant, const ComputeTerms& its_terms = {}) {
    LeaseDesk::Opening proved = opening(tenant, its_terms);
    proved.evidence = {metering::Proof::processor_time, clock, 2};
    return proved;
  }
};

// False: not for as long as anybody would wait.
template <typename Condition>
bool comes_true(Condition condition) {
  const Nanoseconds deadline_ns = now_ns() + patience_ns;
  while (!condition() && now_ns() < deadline_ns) std::this_thread::sleep_for(std::chrono::microseconds(200));
  return condition();
}

void pass(Nanoseconds time_ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(time_ns)); }

struct Desk : LeaseDesk {
  explicit Desk(Settings settings = {}) : LeaseDesk(settings) { REQUIRE(start().ok()); }
  Why::State state(const Desked& session) const { return why(session.id)->state; }
};

TEST_CASE("a session gets the lease when it wants it, with all of an idle device") {
  Desked session(1);
  Desk desk;
  REQUIRE(desk.open(session.opening("alice")).ok());
  CHECK_FALSE(session.holder.held());
  CHECK(desk.state(session) == Why::State::idle);
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.held(); }));
  CHECK(session.holder.terms().budget_ns == UINT64_MAX);
  CHECK(session.holder.terms().until_ns == UINT64_MAX);
  CHECK(session.holder.terms().linger_ns == UINT64_MAX);
  CHECK(desk.state(session) == Why::State::runs);
}

TEST_CASE("a session that wanted before it was opened is heard") {
  Desked session(1);
  session.holder.want();
  Desk desk;
  REQUIRE(desk.open(session.opening("alice")).ok());
  CHECK(session.holder.held());
}

TEST_CASE("a wish is not lost when it comes again and again while the session is opened and closed") {
  Desk desk;
  for (std::uint64_t id = 1; id <= 50; ++id) {
    Desked session(id);
    std::thread worker([&] { session.holder.want(); });
    REQUIRE(desk.open(session.opening("alice")).ok());
    CHECK(comes_true([&] { return session.holder.held(); }));
    worker.join();
    desk.close(id);
  }
}

// ---- the thread's sleep ----

std::set<int> threads() {
  std::set<int> all;
  DIR* folder = opendir("/proc/self/task");
  REQUIRE(folder != nullptr);
  while (const dirent* entry = readdir(folder))
    if (const int id = std::atoi(entry->d_name); id > 0) all.insert(id);
  closedir(folder);
  return all;
}

std::uint64_t switches_of(int thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/status");
  std::uint64_t sum = 0, value = 0;
  for (std::string word; file >> word;)
    if (word == "voluntary_ctxt_switches:" || word == "nonvoluntary_ctxt_switches:") sum += (file >> value, value);
  return sum;
}

TEST_CASE("while one session is alone with its lease, busy or idle, the desk's thread sleeps") {
  Desked session(1);
  const std::set<int> before = threads();
  Desk desk;
  int desks_thread = 0;
  for (const int thread : threads())
    if (!before.contains(thread)) desks_thread = thread;
  REQUIRE(desks_thread != 0);
  REQUIRE(desk.open(session.opening("alice")).ok());
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.held(); }));
  pass(50 * ns_per_ms);
  const std::uint64_t switches = switches_of(desks_thread);
  const Nanoseconds end = now_ns() + ns_per_s / 2;
  while (now_ns() < end) {
    REQUIRE(session.holder.begin());
    pass(5 * ns_per_ms);
    REQUIRE_FALSE(session.holder.end(false));
  }
  CHECK(switches_of(desks_thread) == switches);
  CHECK(session.holder.held());
}

// ---- turns ----

// A worker that always has more to do, in commands of half a millisecond, on a device that does nothing.
class Busy {
 public:
  explicit Busy(Desked& session) : session_(session), thread_([this] { run(); }) {}
  ~Busy() { stop(); }
  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int leases() const { return leases_; }
  std::uint64_t commands() const { return commands_; }

 private:
  static constexpr Nanoseconds command_ns = ns_per_ms / 2;
  void run() {
    while (!over_) {
      if (!session_.holder.held()) {
        session_.holder.want();
        pass(50 * ns_per_us);
        if (session_.holder.held()) ++leases_;
        continue;
      }
      const LeaseTerms terms = session_.holder.terms();
      const std::uint64_t before = session_.meter.device_ns;
      while (!over_ && session_.holder.begin()) {
        const Nanoseconds start = now_ns();
        pass(command_ns);
        session_.meter.device_ns += now_ns() - start;
        ++commands_;
        (void)session_.holder.end(true);
        if (session_.meter.device_ns - before >= terms.budget_ns) (void)session_.holder.give_back(true);
      }
    }
    (void)session_.holder.give_back(false);
  }

  Desked& session_;
  std::atomic<bool> over_{false};
  std::atomic<int> leases_{0};
  std::atomic<std::uint64_t> commands_{0};
  std::thread thread_;
};

TEST_CASE("two busy sessions take turns, and never hold the lease at once") {
  Desked a(1), b(2);
  Desk desk;
  REQUIRE(desk.open(a.opening("alice")).ok());
  REQUIRE(desk.open(b.opening("bob")).ok());
  Busy busy_a(a), busy_b(b);
  // A page is looked at later than the other: the lease may have gone over between, but not also come back.
  CHECK(comes_true([&] { return busy_a.leases() >= 10 && busy_b.leases() >= 10; }));
  CHECK(desk.why(1)->asked_back + desk.why(2)->asked_back <= desk.why(1)->leases + desk.why(2)->leases);
}

TEST_CASE("sessions on different devices do not wait for each other") {
  Desked a(1), b(2);
  Desk desk;
  REQUIRE(desk.open(a.opening("alice")).ok());
  auto other = b.opening("bob");
  other.device = 1;
  REQUIRE(desk.open(other).ok());
  a.holder.want();
  b.holder.want();
  CHECK(comes_true([&] { return a.holder.held() && b.holder.held(); }));
}

TEST_CASE("when the holder's session is closed, the lease passes on") {
  Desked a(1), b(2);
  Desk desk;
  REQUIRE(desk.open(a.opening("alice")).ok());
  REQUIRE(desk.open(b.opening("bob")).ok());
  a.holder.want();
  REQUIRE(comes_true([&] { return a.holder.held(); }));
  REQUIRE(a.holder.begin());
  b.holder.want();
  REQUIRE(comes_true([&] { return a.holder.asked_back(); }));
  CHECK_FALSE(b.holder.held());
  desk.close(a.id);
  CHECK(b.holder.held());
  CHECK_FALSE(desk.why(a.id).has_value());
  desk.close(a.id);
}

// ---- terms ----

TEST_CASE("a tenant that is suspended loses the lease at once, and has it again when it is resumed") {
  Desked session(1);
  Desk desk;
  REQUIRE(desk.open(session.opening("alice")).ok());
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.held(); }));
  ComputeTerms suspended;
  suspended.suspended = true;
  desk.set_terms("alice", suspended);
  CHECK_FALSE(session.holder.held());
  session.holder.want();
  CHECK(comes_true([&] { return desk.state(session) == Why::State::suspended; }));
  CHECK_FALSE(session.holder.held());
  desk.set_terms("alice", {});
  CHECK(session.holder.held());
}

TEST_CASE("a holder that is busy when its tenant is suspended is asked back, and asked no more of") {
  Desked session(1);
  Desk desk;
  REQUIRE(desk.open(session.opening("alice")).ok());
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.held(); }));
  REQUIRE(session.holder.begin());
  ComputeTerms suspended;
  suspended.suspended = true;
  desk.set_terms("alice", suspended);
  CHECK(session.holder.asked_back());
  CHECK(session.holder.end(true));
  CHECK(comes_true([&] { return desk.state(session) == Why::State::suspended; }));
  CHECK_FALSE(session.holder.held());
}

TEST_CASE("a cap that is set on a running tenant holds for the lease that it has, and is known to its worker") {
  Desked session(1);
  Desk desk;
  REQUIRE(desk.open(session.opening("alice")).ok());
  CHECK(session.holder.cap_milli() == 1000);
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.held(); }));
  REQUIRE(session.holder.terms().budget_ns == UINT64_MAX);
  ComputeTerms capped;
  capped.cap = MilliGpu{100};
  desk.set_terms("alice", capped);
  CHECK(session.holder.cap_milli() == 100);
  CHECK_FALSE((session.holder.held() && session.holder.terms().budget_ns == UINT64_MAX));
}

// Everything that is logged meanwhile. The log has a descriptor of its own, which it takes from stderr.
class Logged {
 public:
  Logged() {
    const UniqueFd before(dup(STDERR_FILENO));
    REQUIRE(dup2(file_.get(), STDERR_FILENO) == STDERR_FILENO);
    const Status configured = log::configure("info", "sluiced");
    dup2(before.get(), STDERR_FILENO);
    REQUIRE(configured.ok());
  }
  ~Logged() { (void)log::configure("error", "sluiced"); }
  std::size_t count(const std::string& words) const {
    std::string all(1 << 16, ' ');
    const ssize_t bytes = pread(file_.get(), all.data(), all.size(), 0);
    all.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
    std::size_t found = 0;
    for (std::size_t at = all.find(words); at != std::string::npos; at = all.find(words, at + 1)) ++found;
    return found;
  }

 private:
  UniqueFd file_{memfd_create("log", MFD_CLOEXEC)};
};

TEST_CASE("what a session ran without a lease, as it had stepped aside, counts against its cap") {
  Desked session(1);
  Desk desk;
  ComputeTerms terms;
  terms.cap = MilliGpu{100};
  REQUIRE(desk.open(session.opening("alice", terms)).ok());
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.held(); }));
  REQUIRE(session.holder.begin());
  session.holder.step_aside();
  pass(60 * ns_per_ms);
  session.meter.device_ns += 50 * ns_per_ms;  // of another queue
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.come_back(); }));
  (void)session.holder.end(false);
  session.holder.give_back(true);
  CHECK(comes_true([&] { return desk.state(session) == Why::State::held_by_cap; }));
  CHECK(desk.why(1)->build_ns >= 50 * ns_per_ms);
}

TEST_CASE("a tenant that is held back by its cap is named in the log, not each time") {
  Logged logged;
  {
    Desked session(1);
    Desk desk;
    ComputeTerms capped;
    capped.cap = MilliGpu{100};
    REQUIRE(desk.open(session.opening("alice", capped)).ok());
    Busy busy(session);
    CHECK(comes_true([&] { return busy.leases() >= 4; }));
    busy.stop();
  }
  CHECK(logged.count("tenant alice is held back by its cap of 100m") == 1);
}

TEST_CASE("a capped tenant's sessions wait together, and go on without anybody's kick when the debt is paid") {
  Desked a(1), b(2);
  Desk desk;
  ComputeTerms capped;
  capped.cap = MilliGpu{100};
  REQUIRE(desk.open(a.opening("alice", capped)).ok());
  a.holder.want();
  REQUIRE(comes_true([&] { return a.holder.held(); }));
  // A fifth of a second of the device's time: two seconds of such a tenant's.
  REQUIRE(a.holder.begin());
  pass(200 * ns_per_ms);
  a.meter.device_ns += 200 * ns_per_ms;
  REQUIRE_FALSE(a.holder.end(false));
  REQUIRE(a.holder.give_back(false));
  REQUIRE(comes_true([&] { return desk.state(a) == Why::State::idle; }));
  b.holder.want();
  REQUIRE(desk.open(b.opening("alice", capped)).ok());  // its wish is heard by open(), not by a kick
  CHECK(desk.state(b) == Why::State::held_by_cap);
  CHECK(comes_true([&] { return b.holder.held(); }));
}

// ---- who does not obey ----

TEST_CASE("a holder that does not give back is reported once, after the time that was set, and no sooner") {
  Desked a(1), b(2);
  LeaseDesk::Settings settings;
  settings.overdue_ns = 300 * ns_per_ms;
  Desk desk(settings);
  REQUIRE(desk.open(a.opening("alice")).ok());
  REQUIRE(desk.open(b.opening("bob")).ok());
  a.holder.want();
  REQUIRE(comes_true([&] { return a.holder.held(); }));
  REQUIRE(a.holder.begin());
  const Nanoseconds before = now_ns();
  b.holder.want();
  pollfd overdue{desk.overdue_fd(), POLLIN, 0};
  REQUIRE(::poll(&overdue, 1, 30'000) == 1);
  CHECK(now_ns() - before >= settings.overdue_ns);
  const auto reports = desk.take_overdue();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].session_id == a.id);
  CHECK(reports[0].waited_ns >= settings.overdue_ns);
  b.holder.want();
  desk.set_terms("bob", {});
  CHECK(::poll(&overdue, 1, 500) == 0);
  CHECK(desk.take_overdue().empty());
}

TEST_CASE("a holder that gives back in time is not reported") {
  Desked a(1), b(2);
  LeaseDesk::Settings settings;
  settings.overdue_ns = 2 * ns_per_s;
  Desk desk(settings);
  REQUIRE(desk.open(a.opening("alice")).ok());
  REQUIRE(desk.open(b.opening("bob")).ok());
  a.holder.want();
  REQUIRE(comes_true([&] { return a.holder.held(); }));
  REQUIRE(a.holder.begin());
  b.holder.want();
  REQUIRE(comes_true([&] { return a.holder.asked_back(); }));
  REQUIRE(a.holder.end(false));
  CHECK(comes_true([&] { return b.holder.held(); }));
  pollfd overdue{desk.overdue_fd(), POLLIN, 0};
  CHECK(::poll(&overdue, 1, 2500) == 0);
}

// ---- what it costs ----

void take_lease(Desked& session) {
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.held(); }));
}

TEST_CASE("a session that is closed with a kernel in flight is charged for it, and closing says how much") {
  Desked session(1);
  Desk desk;
  REQUIRE(desk.open(session.proved("alice")).ok());
  take_lease(session);
  REQUIRE(session.holder.begin());
  pass(30 * ns_per_ms);
  session.clock->used_ns = 40 * ns_per_ms;  // and reports nothing
  const metering::Account account = desk.close(session.id);
  CHECK(account.books.charged_ns == 20 * ns_per_ms);
  CHECK(account.books.measured_ns == 0);
  CHECK(account.cpu_ns == 40 * ns_per_ms);
}

TEST_CASE("processor time without a lease is build, and what was used before the session began is not its own") {
  Desked session(1);
  session.clock->used_ns = ns_per_s;
  Desk desk;
  REQUIRE(desk.open(session.proved("alice")).ok());
  session.clock->used_ns += 10 * ns_per_ms;
  CHECK(desk.settle_books(session.id).books == metering::Books{0, 0, 5 * ns_per_ms});
  session.clock->used_ns += 10 * ns_per_ms;
  take_lease(session);
  CHECK(desk.close(session.id).books == metering::Books{0, 0, 10 * ns_per_ms});
}

TEST_CASE(
    "a worker that keeps another waiting is charged for the time, and the sum is no less than its processor time") {
  Desked a(1), b(2);
  Desk desk;
  REQUIRE(desk.open(a.proved("alice")).ok());
  REQUIRE(desk.open(b.proved("bob")).ok());
  take_lease(a);
  REQUIRE(a.holder.begin());
  b.holder.want();
  REQUIRE(comes_true([&] { return a.holder.asked_back(); }));
  const Nanoseconds asked_ns = now_ns();
  pass(50 * ns_per_ms);
  a.clock->used_ns = 50 * ns_per_ms;
  const Nanoseconds held_ns = now_ns() - asked_ns;
  const metering::Books books = desk.close(a.id).books;
  CHECK(books.charged_ns >= held_ns);
  CHECK(desk.why(b.id)->charged_ns < 10 * ns_per_ms);
}

TEST_CASE("a worker whose processor time can no longer be read is charged for all of its lease") {
  Desked session(1);
  Desk desk;
  REQUIRE(desk.open(session.proved("alice")).ok());
  take_lease(session);
  const Nanoseconds before = now_ns();
  session.clock->lost = true;
  pass(20 * ns_per_ms);
  const Nanoseconds passed_ns = now_ns() - before;
  CHECK(desk.close(session.id).books.charged_ns >= passed_ns);
}

TEST_CASE("a session of an earlier daemon goes on with its books, and what it used meanwhile is build") {
  Desked session(1);
  session.clock->used_ns = 5 * ns_per_s;
  session.meter.device_ns = 3 * ns_per_s;
  auto opening = session.proved("alice");
  opening.before = metering::Account{{3 * ns_per_s, 4 * ns_per_s, ns_per_s}, 4 * ns_per_s, now_ns() - ns_per_s};
  Desk desk;
  REQUIRE(desk.open(opening).ok());
  const metering::Account account = desk.close(session.id);
  CHECK(account.books.charged_ns == 4 * ns_per_s);
  CHECK(account.books.build_ns == ns_per_s + ns_per_s / 2);
  CHECK(account.books.measured_ns == 3 * ns_per_s);
}

TEST_CASE("a worker that resets its counters is charged no less") {
  Desked session(1);
  Desk desk;
  REQUIRE(desk.open(session.proved("alice")).ok());
  take_lease(session);
  session.meter.device_ns = 5 * ns_per_ms;
  pass(10 * ns_per_ms);
  CHECK(desk.settle_books(session.id).books.measured_ns == 5 * ns_per_ms);
  session.meter.device_ns = 0;
  CHECK(desk.close(session.id).books == metering::Books{5 * ns_per_ms, 5 * ns_per_ms, 0});
}

TEST_CASE("a capped worker that uses up its budget and says nothing is asked back, though nobody waits") {
  Desked session(1);
  Desk desk;
  ComputeTerms capped;
  capped.cap = MilliGpu{100};
  REQUIRE(desk.open(session.proved("alice", capped)).ok());
  take_lease(session);
  REQUIRE(session.holder.begin());
  session.clock->used_ns = 20 * ns_per_ms;
  CHECK(comes_true([&] { return session.holder.asked_back(); }));
  CHECK(session.holder.end(true));
  CHECK(comes_true([&] { return desk.state(session) == Why::State::held_by_cap; }));
}

// ---- kicks ----

TEST_CASE("a worker that kicks without end costs the desk little, and its neighbours nothing") {
  Desked noisy(1), other(2);
  const std::set<int> before = threads();
  Desk desk;
  int desks_thread = 0;
  for (const int thread : threads())
    if (!before.contains(thread)) desks_thread = thread;
  REQUIRE(desk.open(noisy.opening("alice")).ok());
  REQUIRE(desk.open(other.opening("bob")).ok());
  std::atomic<bool> over{false};
  std::thread flood([&] {
    const std::uint64_t one = 1;
    while (!over) (void)!::write(noisy.kick.get(), &one, sizeof one);
  });
  pass(200 * ns_per_ms);
  const std::uint64_t switches = switches_of(desks_thread);
  const Nanoseconds begun = now_ns();
  take_lease(other);
  CHECK(now_ns() - begun < 100 * ns_per_ms);
  pass(500 * ns_per_ms);
  const double seconds = static_cast<double>(now_ns() - begun) / ns_per_s;
  CHECK(static_cast<double>(switches_of(desks_thread) - switches) / seconds < 2500);
  over = true;
  flood.join();
  other.holder.give_back(false);
  take_lease(noisy);  // what it wants is heard in the end
}

// ---- after another daemon ----

TEST_CASE("a lease of an earlier daemon is asked back before anybody gets one") {
  Desked old(1), fresh(2);
  old.holder.grant_oneself({});
  REQUIRE(old.holder.begin());
  Desk desk;
  REQUIRE(desk.open(old.adoption("alice")).ok());
  old.holder.follow_daemon(false);
  CHECK(old.holder.asked_back());
  fresh.holder.want();
  REQUIRE(desk.open(fresh.opening("bob")).ok());
  CHECK_FALSE(fresh.holder.held());
  const bool closed = GENERATE(false, true);
  if (closed) desk.close(old.id);
  else CHECK(old.holder.end(false));
  CHECK(comes_true([&] { return fresh.holder.held(); }));
}

TEST_CASE("an idle lease that a worker granted itself is over as soon as it follows the daemon") {
  Desked old(1), fresh(2);
  old.holder.grant_oneself({});
  Desk desk;
  REQUIRE(desk.open(old.adoption("alice")).ok());
  REQUIRE(desk.open(fresh.opening("bob")).ok());
  fresh.holder.want();
  pass(50 * ns_per_ms);
  CHECK_FALSE(fresh.holder.held());  // the worker may still begin something
  old.holder.follow_daemon(false);
  CHECK(comes_true([&] { return fresh.holder.held(); }));
  old.holder.want();
  CHECK(comes_true([&] { return old.holder.held(); }));
}

TEST_CASE("a worker that does not give an earlier daemon's lease back is reported") {
  Desked old(1);
  old.holder.grant_oneself({});
  REQUIRE(old.holder.begin());
  LeaseDesk::Settings settings;
  settings.overdue_ns = 200 * ns_per_ms;
  Desk desk(settings);
  pass(50 * ns_per_ms);  // so that the desk's thread sleeps already
  REQUIRE(desk.open(old.adoption("alice")).ok());
  pollfd overdue{desk.overdue_fd(), POLLIN, 0};
  REQUIRE(::poll(&overdue, 1, 30'000) == 1);
  const auto reports = desk.take_overdue();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].session_id == old.id);
}

}  // namespace
}  // namespace sluice::server
