// Who runs next, told as small stories: programs in, shares out.
#include "daemon/arbiter/arbiter.h"

#include <catch2/catch.hpp>

#include "tests/daemon/arbiter/device_model.h"

namespace sluice::arbiter {
namespace {

using test::Command;
using test::DeviceModel;

constexpr Nanoseconds ms = ns_per_ms, us = ns_per_us, s = ns_per_s;

ComputeTerms terms(std::uint32_t guarantee, std::uint32_t cap = 1000,
                   PriorityClass priority_class = PriorityClass::standard) {
  return {MilliGpu{guarantee}, MilliGpu{cap}, priority_class, false};
}

test::Behaviour always(Nanoseconds length_ns, bool divisible = false, Nanoseconds think_ns = 0) {
  return [=] { return Command{length_ns, divisible, think_ns}; };
}

test::Behaviour times(int count, Nanoseconds length_ns) {
  return [count, length_ns]() mutable { return count-- > 0 ? std::optional(Command{length_ns}) : std::nullopt; };
}

// A third of the time each for short, middle and long commands.
test::Behaviour mixed() {
  return [n = 0]() mutable {
    static constexpr Nanoseconds lengths[] = {50 * ms, 2 * ms, 2 * ms, 20 * us, 200 * us, 20 * us, 2 * ms, 10 * ms};
    return Command{lengths[n++ % 8]};
  };
}

double share(const DeviceModel& model, TenantId tenant, Nanoseconds from_ns, Nanoseconds to_ns) {
  return static_cast<double>(model.used_ns(tenant, from_ns, to_ns)) / static_cast<double>(to_ns - from_ns);
}

}  // namespace

TEST_CASE("a program alone on a device is asked nothing after its first command") {
  DeviceModel model;
  model.tenant(1, terms(100));
  model.session(1, 1, always(100 * us));
  model.run_until(10 * s);
  CHECK(model.used_ns(1) >= 10 * s - 100 * us);
  CHECK(model.grants() == 1);
}

TEST_CASE("a tenant that goes on at another device takes its debts and its place in the queue along") {
  Arbiter here, there;
  for (Arbiter* device : {&here, &there}) {
    device->set_tenant(1, terms(100, 500), 0);
    device->set_tenant(2, terms(100), 0);
  }
  here.open(1, 1, 0);
  here.wants(1, 0);
  REQUIRE(here.decide(0).kind == LeaseDecision::Kind::grant);
  here.observe({100 * ms, 100 * ms}, 100 * ms);
  REQUIRE(here.close(1, 100 * ms).cap_debt_ns > 0);
  const Standing standing = here.standing(1, 100 * ms);
  CHECK(standing.cap_level < 0);
  there.take_on(1, standing, 100 * ms);
  there.open(1, 1, 100 * ms);
  there.open(2, 2, 100 * ms);
  there.wants(1, 100 * ms);
  there.wants(2, 100 * ms);
  const LeaseDecision next = there.decide(100 * ms);
  CHECK(next.session == 2);
  CHECK(there.why(1, 100 * ms).state == Why::State::held_by_cap);
  CHECK(there.why(1, 100 * ms).cap_debt_ns == static_cast<Nanoseconds>(standing.cap_level / -1000));
}

TEST_CASE(
    "a tenant with debts at the other device, too, owes the larger of both, and what it is ahead of others stays") {
  Arbiter there;
  there.set_tenant(1, terms(100, 500), 0);
  there.take_on(1, {-5'000'000'000, 0, 70}, 0);
  there.take_on(1, {-3'000'000'000, 0, 50}, 0);
  CHECK(there.standing(1, 0).cap_level == -5'000'000'000);
  CHECK(there.standing(1, 0).tag_ahead == 70);
}

TEST_CASE("an idle holder loses the lease to whoever asks, at once") {
  DeviceModel model;
  model.tenant(1, terms(100));
  model.tenant(2, terms(100));
  model.session(1, 1, times(1, ms));
  model.session(2, 2, times(1, ms), 100 * ms);
  model.run_until(s);
  REQUIRE(model.runs().size() == 2);
  CHECK(model.runs()[1].started_ns == 100 * ms);
}

TEST_CASE("busy tenants share by their guarantees, whatever the lengths of their commands") {
  DeviceModel model({}, 40 * us);
  const std::uint32_t weights[] = {50, 100, 200, 400};
  for (TenantId id = 0; id < 4; ++id) {
    model.tenant(id, terms(weights[id]));
    model.session(id, id, id % 2 == 0 ? mixed() : always(20 * us));
  }
  model.run_until(11 * s);
  Nanoseconds all = 0;
  for (TenantId id = 0; id < 4; ++id) all += model.used_ns(id, s, 11 * s);
  CHECK(all >= 97 * (10 * s) / 100);
  for (TenantId id = 0; id < 4; ++id) {
    const double fair = weights[id] / 750.0;
    CHECK(share(model, id, s, 11 * s) / (static_cast<double>(all) / (10 * s)) == Approx(fair).margin(0.01));
  }
}

TEST_CASE("who was idle for a moment does not wait until all that the others are owed is paid") {
  // So much goes by handing the device over that all are owed something without end.
  DeviceModel model({}, 700 * us);
  model.tenant(1, terms(333));
  model.tenant(2, terms(666));
  model.session(1, 1, always(ms));
  model.session(2, 2, [n = 0]() mutable { return Command{ms, false, ++n % 1000 == 0 ? 4 * ms : 0}; });
  model.run_until(10 * s);
  for (Nanoseconds from_ns = 2 * s; from_ns < 9 * s; from_ns += 10 * ms)
    CHECK(model.used_ns(2, from_ns, from_ns + 100 * ms) >= 30 * ms);
}

TEST_CASE("a tenant gains nothing by more sessions") {
  DeviceModel model;
  model.tenant(1, terms(100));
  model.tenant(2, terms(100));
  model.session(1, 1, always(ms));
  for (SessionId id = 2; id < 12; ++id) model.session(id, 2, always(ms));
  model.run_until(5 * s);
  CHECK(share(model, 1, 0, 5 * s) == Approx(0.5).margin(0.01));
}

TEST_CASE("a cap holds over any second, of an idle device too") {
  for (const std::uint32_t cap : {50, 100, 250, 500, 750}) {
    DeviceModel model({}, 40 * us);
    model.tenant(1, terms(50, cap));
    model.session(1, 1, cap == 50 ? always(50 * ms, true) : mixed());
    model.run_until(20 * s);
    CHECK(share(model, 1, s, 20 * s) == Approx(cap / 1000.0).margin(0.01));
    // A second may hold one long command more than it should: 50 ms, paid for afterwards.
    CHECK(model.most_used_ns(1, s) <= cap * ms + 20 * cap * us + 50 * ms);
  }
}

TEST_CASE("what a capped tenant may not use goes to others") {
  DeviceModel model({}, 40 * us);
  model.tenant(1, terms(100, 100));
  model.tenant(2, terms(100));
  model.session(1, 1, always(ms));
  model.session(2, 2, always(ms));
  model.run_until(5 * s);
  CHECK(share(model, 1, 0, 5 * s) == Approx(0.1).margin(0.01));
  CHECK(share(model, 2, 0, 5 * s) >= 0.87);
}

TEST_CASE("class latency takes the device at the next command boundary") {
  DeviceModel model;
  model.tenant(1, terms(100, 1000, PriorityClass::latency));
  for (TenantId id = 2; id < 5; ++id) {
    model.tenant(id, terms(100, 1000, PriorityClass::best_effort));
    model.session(id, id, always(20 * ms, true));
  }
  model.session(1, 1, always(200 * us, false, 10 * ms), 50 * ms);
  model.run_until(5 * s);
  Nanoseconds longest = 0;
  for (const test::Wait& wait : model.waits())
    if (wait.tenant == 1) longest = std::max(longest, wait.ended_ns - wait.began_ns);
  CHECK(longest <= 500 * us);
}

TEST_CASE("class latency has no more than its guarantee where others want theirs") {
  DeviceModel model;
  model.tenant(1, terms(200, 1000, PriorityClass::latency));
  model.tenant(2, terms(700));
  model.session(1, 1, always(ms));
  model.session(2, 2, always(ms));
  model.run_until(10 * s);
  CHECK(share(model, 2, 0, 10 * s) >= 0.69);
  CHECK(share(model, 1, 0, 10 * s) >= 0.28);  // its own, and what nobody was promised
}

TEST_CASE("best-effort gets its guarantee and what standard leaves") {
  DeviceModel model;
  model.tenant(1, terms(100, 1000, PriorityClass::best_effort));
  model.tenant(2, terms(100, 600));
  model.session(1, 1, always(ms));
  model.session(2, 2, always(ms));
  model.run_until(10 * s);
  CHECK(share(model, 2, 0, 10 * s) == Approx(0.6).margin(0.01));
  CHECK(share(model, 1, 0, 10 * s) == Approx(0.4).margin(0.01));
}

TEST_CASE("a tenant that was promised nothing does not starve") {
  DeviceModel model;
  model.tenant(1, terms(0, 1000, PriorityClass::best_effort));
  model.tenant(2, terms(900));
  model.session(1, 1, always(ms));
  model.session(2, 2, always(ms));
  model.run_until(20 * s);
  CHECK(model.used_ns(1) >= 20 * ms);  // a thousandth
}

TEST_CASE("a suspended tenant gets nothing until it is resumed, and keeps nobody waiting") {
  DeviceModel model;
  model.tenant(1, terms(500));
  model.tenant(2, terms(500));
  model.session(1, 1, always(ms));
  model.session(2, 2, always(ms));
  model.at(s, [&] {
    ComputeTerms off = terms(500);
    off.suspended = true;
    model.tenant(1, off);
  });
  model.at(2 * s, [&] { model.tenant(1, terms(500)); });
  model.run_until(3 * s);
  CHECK(share(model, 1, s + 10 * ms, 2 * s) == 0);
  CHECK(share(model, 2, s + 10 * ms, 2 * s) > 0.99);
  CHECK(share(model, 1, 2 * s, 3 * s) == Approx(0.5).margin(0.02));
}

TEST_CASE("idleness earns nothing: who comes back starts level with the others") {
  DeviceModel model;
  model.tenant(1, terms(300));
  model.tenant(2, terms(300));
  model.session(1, 1, always(ms));
  model.session(2, 2, always(ms), 5 * s);
  model.run_until(7 * s);
  CHECK(share(model, 1, 5 * s, 7 * s) == Approx(0.5).margin(0.03));
}

TEST_CASE("a program that waits for each command keeps its turn for as long as it is not long idle") {
  DeviceModel model({}, 40 * us);
  model.tenant(1, terms(500));
  model.tenant(2, terms(500));
  model.session(1, 1, always(200 * us, false, 20 * us));
  model.session(2, 2, always(ms));
  model.run_until(5 * s);
  // Its gaps are within what is let off, so that both have as much of the device.
  CHECK(share(model, 1, 0, 5 * s) > 0.45);
  CHECK(share(model, 2, 0, 5 * s) > 0.45);
}

TEST_CASE("a turn ends by the clock as well, for who uses little of the device") {
  DeviceModel model;
  model.tenant(1, terms(500));
  model.tenant(2, terms(500));
  model.session(1, 1, always(10 * us, false, 90 * us));
  model.session(2, 2, always(ms));
  model.run_until(2 * s);
  const Nanoseconds longest_ns = 2 * Settings{}.turn_ns + ms;  // two turns by the clock, and a command
  for (const test::Wait& wait : model.waits())
    if (wait.tenant == 2) CHECK(wait.ended_ns - wait.began_ns <= longest_ns);
}

// ---- liars ----

// What the first tenant had of the device for the second one's, both with the same guarantee and always busy.
double part_of_liar(const test::Lies& lies, Nanoseconds length_ns, std::size_t sessions = 1) {
  DeviceModel model({}, 40 * us);
  model.tenant(1, terms(300));
  model.tenant(2, terms(300));
  for (SessionId id = 10; id < 10 + sessions; ++id) model.session(id, 1, always(length_ns), 0, lies);
  model.session(2, 2, always(200 * us));
  model.run_until(20 * s);
  return static_cast<double>(model.used_ns(1, s, 20 * s)) / static_cast<double>(model.used_ns(2, s, 20 * s));
}

// The most that the cheapest lie gains is what an honest worker with gaps between its kernels is let off; here the
// honest one has none.
constexpr double gaps_let_off = 1.13;

TEST_CASE("a worker gains nothing by reporting nothing, and no more than gaps by too little or by one unit of many") {
  for (const Nanoseconds length_ns : {200 * us, ms, 20 * ms})
    for (const unsigned reports : {0u, 50u, 80u, 90u, 100u})
      for (const unsigned units : {2u, 50u, 100u}) {
        INFO("kernels of " << length_ns / us << " us, reports " << reports << " %, uses " << units << " %");
        CHECK(part_of_liar({reports, units, true}, length_ns) <= (reports == 0 || units == 100 ? 1.05 : gaps_let_off));
      }
}

TEST_CASE("neither does it gain by many sessions that do so") { CHECK(part_of_liar({0, 50, true}, ms, 20) <= 1.05); }

TEST_CASE("a worker that reports double has less, and nobody else more to pay") {
  CHECK(part_of_liar({200, 100, true}, ms) <= 1.02);
  DeviceModel model;
  model.tenant(1, terms(300));
  model.session(1, 1, always(ms), 0, {200, 100, true});
  model.run_until(s);
  CHECK(model.charged_ns(1) <= s);
}

TEST_CASE("a worker that never gives the device back pays for all the time that it keeps others waiting") {
  DeviceModel model;
  model.tenant(1, terms(300));
  model.tenant(2, terms(300));
  model.session(1, 1, always(ms), 0, {0, 50, false});
  model.session(2, 2, always(ms), s);
  model.run_until(3 * s);
  CHECK(model.charged_ns(1) >= 2 * s + s / 2 - ms);  // the half of it while it was alone
}

TEST_CASE("a holder whose cap is used up is asked back, though nobody waits and it reports nothing") {
  DeviceModel model;
  model.tenant(1, terms(100, 250));
  model.session(1, 1, always(ms), 0, {0, 100, true});
  model.run_until(1 * s);
  CHECK(model.arbiter().why(1, s).asked_back == 0);  // it keeps to its budget by itself
  Arbiter arbiter;
  arbiter.set_tenant(1, terms(100, 250), 0);
  arbiter.open(1, 1, 0);
  arbiter.wants(1, 0);
  const LeaseDecision granted = arbiter.decide(0);
  REQUIRE(granted.kind == LeaseDecision::Kind::grant);
  REQUIRE(granted.again_ns <= 10 * ms);
  arbiter.observe({0, granted.again_ns}, granted.again_ns);
  CHECK(arbiter.decide(granted.again_ns).kind == LeaseDecision::Kind::ask_back);
}

TEST_CASE("a cap holds for a worker that reports nothing") {
  for (const unsigned reports : {0u, 50u, 200u}) {
    DeviceModel model({}, 40 * us);
    model.tenant(1, terms(100, 250));
    model.session(1, 1, always(ms), 0, {reports, 100, true});
    model.run_until(20 * s);
    CHECK(share(model, 1, s, 20 * s) <= 0.26);
  }
}

TEST_CASE("processor time without a lease counts against the cap and the turns") {
  Arbiter arbiter;
  arbiter.set_tenant(1, terms(300, 500), 0);
  arbiter.set_tenant(2, terms(300), 0);
  arbiter.open(1, 1, 0);
  arbiter.open(2, 2, 0);
  arbiter.ran_without(1, {0, s}, s, s);
  CHECK(arbiter.why(1, s).build_ns == s);
  CHECK(arbiter.why(1, s).charged_ns == 0);
  CHECK(arbiter.why(1, s).cap_debt_ns >= s / 2 - 10 * ms);  // half of it has flowed in meanwhile
  arbiter.wants(1, s);
  arbiter.wants(2, s);
  CHECK(arbiter.decide(s).session == 2);
}

TEST_CASE("where kernels run elsewhere, an idle holder is charged, and so asked to linger no longer than a moment") {
  Arbiter arbiter;
  arbiter.set_tenant(1, terms(300), 0);
  arbiter.open(1, 1, 0, metering::Proof::held_time);
  arbiter.wants(1, 0);
  CHECK(arbiter.decide(0).terms.linger_ns == ms);
  arbiter.observe({ms, 0}, 3 * ms);
  CHECK(arbiter.why(1, 3 * ms).charged_ns == 3 * ms);
}

TEST_CASE("without proof the worker's word counts, up to the time that it held the device") {
  Arbiter arbiter;
  arbiter.set_tenant(1, terms(300), 0);
  arbiter.open(1, 1, 0, metering::Proof::none);
  arbiter.wants(1, 0);
  REQUIRE(arbiter.decide(0).kind == LeaseDecision::Kind::grant);
  arbiter.observe({ms, 8 * ms}, 10 * ms);
  CHECK(arbiter.why(1, 10 * ms).charged_ns == ms);
}

TEST_CASE("time alone and time beside a waiter are charged each by its own rule") {
  Arbiter arbiter;
  arbiter.set_tenant(1, terms(300), 0);
  arbiter.set_tenant(2, terms(300), 0);
  arbiter.open(1, 1, 0);
  arbiter.open(2, 2, 0);
  arbiter.wants(1, 0);
  REQUIRE(arbiter.decide(0).kind == LeaseDecision::Kind::grant);
  arbiter.observe({0, 2 * ms}, 10 * ms);  // it idled most of the time
  arbiter.wants(2, 10 * ms);
  REQUIRE(arbiter.decide(10 * ms).kind == LeaseDecision::Kind::ask_back);
  arbiter.observe({0, 2 * ms}, 15 * ms);
  const Why why = arbiter.why(1, 15 * ms);
  CHECK(why.charged_ns == 7 * ms);
  CHECK(why.beyond_floor_ns == 2 * ms);
  CHECK(why.beyond_waited_ns == 5 * ms);
}

TEST_CASE("the time of commands that overlap is charged once") {
  Arbiter arbiter;
  arbiter.set_tenant(1, terms(500, 500), 0);
  arbiter.open(1, 1, 0);
  arbiter.wants(1, 0);
  REQUIRE(arbiter.decide(0).kind == LeaseDecision::Kind::grant);
  arbiter.observe({8 * ms, 0}, 4 * ms);  // two queues
  CHECK(arbiter.why(1, 4 * ms).charged_ns == 4 * ms);
}

TEST_CASE("why a session does not run is told") {
  Arbiter arbiter;
  arbiter.set_tenant(1, terms(100), 0);
  arbiter.set_tenant(2, terms(100, 100), 0);
  arbiter.open(1, 1, 0);
  arbiter.open(2, 2, 0);
  CHECK(arbiter.why(1, 0).state == Why::State::idle);
  arbiter.wants(2, 0);
  REQUIRE(arbiter.decide(0).kind == LeaseDecision::Kind::grant);
  arbiter.wants(1, 0);
  CHECK(arbiter.why(1, ms).state == Why::State::waits_for_turn);
  CHECK(arbiter.why(1, ms).holder == 2);
  CHECK(arbiter.why(1, ms).waited_ns == ms);
  arbiter.observe({50 * ms, 0}, 50 * ms);
  arbiter.returned(true, 50 * ms);
  REQUIRE(arbiter.decide(50 * ms).session == 1);
  const Why why = arbiter.why(2, 60 * ms);
  CHECK(why.state == Why::State::held_by_cap);
  CHECK(why.until_ns > 400 * ms);
  CHECK(why.capped_ns == 10 * ms);
  CHECK(why.cap_debt_ns > 40 * ms);
}

}  // namespace sluice::arbiter
