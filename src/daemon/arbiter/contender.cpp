#include "daemon/arbiter/contender.h"

namespace sluice::arbiter {
namespace {

// Tags are in sixteenths of (nanoseconds / milli-GPU): a tenant of one milli-GPU may run for 36 years.
constexpr std::uint64_t tag_units = 16;

}  // namespace

Nanoseconds Arbiter::Tenant::cap_ready_ns(const Settings& settings) const {
  if (!is_capped(terms)) return 0;
  return cap.time_of(settings.cap_period_ns * terms.cap.value / 1000 / 2);
}

int Arbiter::Tenant::rank(const Settings& settings) const {
  if (guarantee.overdue(settings.overdue_depths)) return 0;
  if (guarantee.level_ns() > 0) return terms.priority_class == PriorityClass::latency ? 0 : 1;
  return 2 + static_cast<int>(terms.priority_class);
}

// A guarantee that nobody asks for is not saved up; one that is waited for is owed, and not forgotten in a moment.
void Arbiter::Tenant::come_back(const Settings& settings, Nanoseconds now) {
  if (now - left_ns < settings.guarantee_depth_ns) guarantee.fill_and_keep(now);
  else guarantee.fill(now);
}

void Arbiter::Tenant::set_terms(const ComputeTerms& changed, const Settings& settings, Nanoseconds now) {
  terms = changed;
  cap.set_rate(terms.cap, now);
  guarantee.set_rate(std::max(terms.guarantee, settings.floor_guarantee), now);
}

void Arbiter::Tenant::charge(Nanoseconds used_ns, Nanoseconds shared_turn_ns, const Settings& settings,
                             Nanoseconds now) {
  // In this order, so that what flows in while it runs is not lost to a full bucket.
  cap.take(used_ns);
  cap.fill(now);
  charge_turn(used_ns, shared_turn_ns, settings, now);
}

void Arbiter::Tenant::charge_turn(Nanoseconds used_ns, Nanoseconds shared_turn_ns, const Settings& settings,
                                  Nanoseconds now) {
  // What a tenant had because nobody else wanted it is not held against it; one long command is.
  guarantee.take_within(used_ns, std::max(shared_turn_ns, settings.turn_ns));
  guarantee.flow_in(now);
  const std::uint32_t weight = terms.guarantee.value != 0 ? terms.guarantee.value : settings.floor_weight.value;
  tag += used_ns * tag_units / weight;
}

bool Arbiter::Contender::goes_before(const Contender& other, const Settings& settings) const {
  const int own = tenant->rank(settings), others = other.tenant->rank(settings);
  return own != others ? own < others : tenant->tag < other.tenant->tag;
}

Why Arbiter::Contender::sums(const Settings& settings, Nanoseconds now) const {
  Bucket cap = tenant->cap;
  cap.fill(now);
  Why why;
  why.since_ns = since_ns;
  why.cap_debt_ns = is_capped(tenant->terms) ? cap.debt_ns() : 0;
  why.leases = leases;
  why.asked_back = asked_back;
  why.leased_ns = leased_ns;
  why.waited_ns = waited_ns;
  why.capped_ns = capped_ns;
  why.charged_ns = charged_ns;
  why.build_ns = build_ns;
  why.beyond_waited_ns = beyond_waited_ns;
  why.beyond_floor_ns = beyond_floor_ns;
  if (!waiting) return why;
  why.waited_ns += now - since_ns;
  why.capped_ns += capped_now_ns(now);
  const Nanoseconds ready_ns = tenant->cap_ready_ns(settings);
  why.state = tenant->terms.suspended ? Why::State::suspended
              : ready_ns > now        ? Why::State::held_by_cap
                                      : Why::State::waits_for_turn;
  why.until_ns = why.state == Why::State::held_by_cap ? ready_ns : 0;
  return why;
}

}  // namespace sluice::arbiter
