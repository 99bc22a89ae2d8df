#include "tests/daemon/arbiter/random_scenario.h"

#include <algorithm>
#include <random>

#include "tests/daemon/arbiter/device_model.h"

namespace sluice::test {
namespace {

using arbiter::ComputeTerms;
using arbiter::PriorityClass;

constexpr Nanoseconds ms = ns_per_ms, us = ns_per_us, s = ns_per_s;
constexpr Nanoseconds lengths[] = {20 * us, 200 * us, ms, 2 * ms, 10 * ms, 50 * ms};
constexpr Nanoseconds hand_over_ns = 40 * us;

struct Habits {
  Nanoseconds longest_ns = 0;  // that cannot be cut
  bool busy = true;            // always has a command
  Lies lies;                   // of its workers
};

struct TenantPlan {
  ComputeTerms terms;
  Habits habits;
  std::size_t sessions = 0;
};

class Scenario {
 public:
  explicit Scenario(std::uint64_t seed) : random_(seed), model_({}, hand_over_ns) { report_.seed = seed; }

  ScenarioReport run() {
    plan_tenants();
    for (std::size_t i = 0; i < plans_.size(); ++i) start(static_cast<TenantId>(i), plans_[i]);
    end_ns_ = static_cast<Nanoseconds>(between(2, 4)) * s;
    model_.run_until(end_ns_);
    report_.runs = model_.runs().size();
    report_.grants = model_.grants();
    report_.decisions = model_.decisions();
    check();
    return report_;
  }

 private:
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + random_() % (high - low + 1); }
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  // Guarantees add up to no more than the device.
  void plan_tenants() {
    std::uint32_t left = 1000;
    const std::size_t count = between(1, chance(10) ? 40 : 8);
    for (std::size_t i = 0; i < count; ++i) {
      TenantPlan plan;
      const auto guarantee = static_cast<std::uint32_t>(chance(15) ? 0 : between(0, std::min(left, 400u)));
      left -= guarantee;
      plan.terms.guarantee = MilliGpu{guarantee};
      if (chance(40)) plan.terms.cap = MilliGpu{static_cast<std::uint32_t>(between(std::max(guarantee, 10u), 1000))};
      plan.terms.priority_class = static_cast<PriorityClass>(between(0, 2));
      plan.sessions = between(1, 3);
      plans_.push_back(plan);
    }
  }

  void start(TenantId id, TenantPlan& plan) {
    model_.tenant(id, plan.terms);
    ++report_.tenants;
    const bool busy = chance(60);
    const Lies lies = chance(20) ? random_lies() : Lies{};
    plan.habits.lies = lies;
    for (std::size_t i = 0; i < plan.sessions; ++i) {
      ++report_.sessions;
      model_.session(next_session_++, id, behaviour(plan.habits, busy), busy ? 0 : between(0, 500) * ms, lies);
    }
    plan.habits.busy = busy;
  }

  Lies random_lies() {
    static constexpr unsigned reports[] = {0, 50, 90, 200}, units[] = {10, 50, 100};
    return {reports[between(0, 3)], units[between(0, 2)], true};
  }

  Behaviour behaviour(Habits& habits, bool busy) {
    const std::size_t longest = between(0, std::size(lengths) - 1);
    const bool divisible = chance(40);
    const Nanoseconds think_ns = busy ? 0 : between(1, 20'000) * us;
    if (!divisible) habits.longest_ns = std::max(habits.longest_ns, lengths[longest]);
    longest_ns_ = std::max(longest_ns_, divisible ? 4 * ms : lengths[longest]);
    return [this, longest, divisible, think_ns]() -> std::optional<Command> {
      // Short ones are rarer than their number says, or most of the work would be to simulate them.
      const Nanoseconds length_ns = lengths[std::max(between(0, longest), between(0, longest))];
      return Command{length_ns, divisible, think_ns};
    };
  }

  void broken(const std::string& what) { report_.broken.push_back(what); }

  void check() {
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      const auto id = static_cast<TenantId>(i);
      const TenantPlan& plan = plans_[i];
      const std::string who = "tenant " + std::to_string(i);
      check_cap(id, plan, who);
      if (plan.habits.busy && plan.habits.lies.reports_percent == 100) check_guarantee(id, plan, who);
    }
    check_starvation();
    if (model_.wasted_ns() > ms)
      broken("the device idled for " + std::to_string(model_.wasted_ns() / us) + " us while somebody wanted it");
  }

  // In a window: what flows in, what the bucket held, and one command that was too long for what was left. A liar that
  // leaves units idle while nobody waits for them is charged for those that it used.
  void check_cap(TenantId id, const TenantPlan& plan, const std::string& who) {
    if (plan.terms.cap == whole_gpu || plan.habits.lies.units_percent != 100) return;
    const std::uint64_t cap = plan.terms.cap.value;
    const Nanoseconds most_ns = model_.most_used_ns(id, s);
    const Nanoseconds longest_ns = std::max(plan.habits.longest_ns, ms);
    if (most_ns > cap * (s + 20 * ms) / 1000 + longest_ns)
      broken(who + " used " + std::to_string(most_ns / us) + " us in a second with a cap of " + std::to_string(cap));
  }

  // From one second on: its rate, less one command of each tenant, for which each may be in debt in the end. A cap is
  // kept before a guarantee: what flows into its bucket while others' long commands run is lost to the tenant.
  void check_guarantee(TenantId id, const TenantPlan& plan, const std::string& who) {
    const bool near_cap = plan.terms.cap.value < plan.terms.guarantee.value * 3 && plan.terms.cap != whole_gpu;
    if (near_cap && longest_ns_ > 10 * ms) return;
    const std::uint64_t rate = plan.terms.guarantee.value;
    const Nanoseconds used_ns = model_.used_ns(id, s, end_ns_);
    const Nanoseconds owed_ns = (end_ns_ - s) * rate / 1000;
    const Nanoseconds slack_ns = one_of_each_ns() + 30 * ms + owed_ns / 20;  // a twentieth for handing over
    if (used_ns + slack_ns < owed_ns)
      broken(who + " had " + std::to_string(used_ns / us) + " us of " + std::to_string(owed_ns / us) + " guaranteed");
  }

  Nanoseconds one_of_each_ns() const {
    Nanoseconds sum = 0;
    for (const TenantPlan& plan : plans_) sum += std::max(plan.habits.longest_ns, 4 * ms);
    return sum;
  }

  // Nobody waits longer than it takes to serve everybody's longest command once for every turn of the one with the
  // least weight: far less than this.
  void check_starvation() {
    for (const Wait& wait : model_.waits()) {
      const TenantPlan& plan = plans_[wait.tenant];
      if (plan.terms.cap != whole_gpu) continue;
      const std::uint64_t weight = std::max(plan.terms.guarantee.value, 1u);
      const Nanoseconds own_ns = std::max(plan.habits.longest_ns, 4 * ms) * plan.sessions;
      const Nanoseconds most_ns = (own_ns + 30 * ms) * 1000 / weight + 2 * one_of_each_ns() + 100 * ms;
      if (wait.ended_ns - wait.began_ns > most_ns)
        broken("tenant " + std::to_string(wait.tenant) + " waited for " +
               std::to_string((wait.ended_ns - wait.began_ns) / us) + " us, more than " + std::to_string(most_ns / us));
    }
  }

  std::mt19937_64 random_;
  DeviceModel model_;
  ScenarioReport report_;
  std::vector<TenantPlan> plans_;
  SessionId next_session_ = 1;
  Nanoseconds longest_ns_ = 0, end_ns_ = 0;
};

}  // namespace

ScenarioReport run_scenario(std::uint64_t seed) { return Scenario(seed).run(); }

}  // namespace sluice::test
