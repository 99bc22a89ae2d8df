// What tenants are promised and denied, as their sessions and the log have it.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "tests/daemon/server/devices/lease_scheduler_rig.h"

namespace sluice::test {
namespace {

void suspend(Scheduler& scheduler, const std::string& tenant) {
  ComputeTerms suspended;
  suspended.suspended = true;
  scheduler.set_terms(tenant, suspended);
}

TEST_CASE("a tenant that is suspended loses the lease at once, and has it again when it is resumed") {
  PlayedBinding session(1);
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.opening("alice")).ok());
  take_lease(session);
  suspend(scheduler, "alice");
  CHECK_FALSE(session.holder.held());
  session.holder.want();
  CHECK(comes_true([&] { return scheduler.state(session) == Why::State::suspended; }));
  CHECK_FALSE(session.holder.held());
  scheduler.set_terms("alice", {});
  CHECK(session.holder.held());
}

TEST_CASE("a holder that is busy when its tenant is suspended is asked back, and asked no more of") {
  PlayedBinding session(1);
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.opening("alice")).ok());
  begin_command(session);
  suspend(scheduler, "alice");
  CHECK(session.holder.asked_back());
  CHECK(session.holder.end(true));
  CHECK(comes_true([&] { return scheduler.state(session) == Why::State::suspended; }));
  CHECK_FALSE(session.holder.held());
}

TEST_CASE("a cap that is set on a running tenant holds for the lease that it has, and is known to its worker") {
  PlayedBinding session(1);
  Scheduler scheduler;
  REQUIRE(scheduler.open(session.opening("alice")).ok());
  CHECK(session.holder.cap_milli() == 1000);
  take_lease(session);
  REQUIRE(session.holder.terms().budget_ns == UINT64_MAX);
  ComputeTerms capped;
  capped.cap = MilliGpu{100};
  scheduler.set_terms("alice", capped);
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

TEST_CASE("what a session ran without a lease, as its driver compiled, counts against its cap") {
  PlayedBinding session(1);
  Scheduler scheduler;
  ComputeTerms terms;
  terms.cap = MilliGpu{100};
  REQUIRE(scheduler.open(session.opening("alice", terms)).ok());
  begin_command(session);
  session.holder.begin_compile();
  pass(60 * ns_per_ms);
  session.meter.device_ns += 50 * ns_per_ms;  // of another queue
  session.holder.want();
  REQUIRE(comes_true([&] { return session.holder.end_compile(); }));
  (void)session.holder.end(false);
  session.holder.give_back(true);
  CHECK(comes_true([&] { return scheduler.state(session) == Why::State::held_by_cap; }));
  CHECK(scheduler.why({1, 0})->build_ns >= 50 * ns_per_ms);
}

TEST_CASE("a tenant that is held back by its cap is named in the log, not each time") {
  Logged logged;
  {
    PlayedBinding session(1);
    Scheduler scheduler;
    ComputeTerms capped;
    capped.cap = MilliGpu{100};
    REQUIRE(scheduler.open(session.opening("alice", capped)).ok());
    Busy busy(session);
    CHECK(comes_true([&] { return busy.leases() >= 4; }));
    busy.stop();
  }
  CHECK(logged.count("tenant alice is held back by its cap of 100m") == 1);
}

TEST_CASE("a capped tenant's sessions wait together, and go on without anybody's kick when the debt is paid") {
  PlayedBinding a(1), b(2);
  Scheduler scheduler;
  ComputeTerms capped;
  capped.cap = MilliGpu{100};
  REQUIRE(scheduler.open(a.opening("alice", capped)).ok());
  take_lease(a);
  // A fifth of a second of the device's time: two seconds of such a tenant's.
  REQUIRE(a.holder.begin());
  pass(200 * ns_per_ms);
  a.meter.device_ns += 200 * ns_per_ms;
  REQUIRE_FALSE(a.holder.end(false));
  REQUIRE(a.holder.give_back(false));
  REQUIRE(comes_true([&] { return scheduler.state(a) == Why::State::idle; }));
  b.holder.want();
  REQUIRE(scheduler.open(b.opening("alice", capped)).ok());  // its wish is heard by open(), not by a kick
  CHECK(scheduler.state(b) == Why::State::held_by_cap);
  CHECK(comes_true([&] { return b.holder.held(); }));
}

}  // namespace
}  // namespace sluice::test
