#include "daemon/arbiter/arbiter.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/contract.h"
#include "daemon/arbiter/contender.h"

namespace sluice::arbiter {
namespace {

constexpr Nanoseconds piece_capped_ns_min = ns_per_ms;

}  // namespace

Arbiter::Arbiter(const Settings& settings) : settings_(settings) {}
Arbiter::~Arbiter() = default;

// ---- who is there ----

void Arbiter::set_tenant(TenantId id, const ComputeTerms& terms, Nanoseconds now) {
  SLUICE_REQUIRE(terms.guarantee <= terms.cap && terms.cap.value > 0);
  std::unique_ptr<Tenant>& tenant = tenants_[id];
  if (tenant == nullptr) {
    tenant = std::make_unique<Tenant>(terms, settings_, now);
    return;
  }
  for (const auto& [number, session] : sessions_) {
    if (session->tenant != tenant.get()) continue;
    latency_sessions_ -= tenant->terms.priority_class == PriorityClass::latency ? 1 : 0;
    latency_sessions_ += terms.priority_class == PriorityClass::latency ? 1 : 0;
  }
  if (holder_ != nullptr && holder_->tenant == tenant.get() && tenant->terms != terms) stale_ = true;
  tenant->set_terms(terms, settings_, now);
}

void Arbiter::remove_tenant(TenantId id) {
  const auto found = tenants_.find(id);
  if (found == tenants_.end()) return;
  SLUICE_REQUIRE(std::none_of(sessions_.begin(), sessions_.end(),
                              [&](const auto& entry) { return entry.second->tenant == found->second.get(); }));
  tenants_.erase(found);
}

Standing Arbiter::standing(TenantId id, Nanoseconds now) {
  Tenant& tenant = *tenants_.at(id);
  tenant.cap.fill(now);
  tenant.guarantee.flow_in(now);
  return {tenant.cap.level(), tenant.guarantee.level(), tenant.tag > virtual_time_ ? tenant.tag - virtual_time_ : 0};
}

void Arbiter::take_on(TenantId id, const Standing& there, Nanoseconds now) {
  Tenant& tenant = *tenants_.at(id);
  tenant.cap.fill(now);
  tenant.cap.lower_to(there.cap_level);
  tenant.guarantee.flow_in(now);
  tenant.guarantee.lower_to(there.guarantee_level);
  tenant.tag = std::max(tenant.tag, virtual_time_ + there.tag_ahead);
}

void Arbiter::open(SessionId id, TenantId tenant, Nanoseconds now, metering::Proof proof) {
  SLUICE_REQUIRE(tenants_.contains(tenant) && !sessions_.contains(id));
  auto session = std::make_unique<Contender>();
  session->id = id;
  session->tenant = tenants_.at(tenant).get();
  session->since_ns = now;
  session->proof = proof;
  if (session->tenant->terms.priority_class == PriorityClass::latency) ++latency_sessions_;
  sessions_[id] = std::move(session);
}

Why Arbiter::close(SessionId id, Nanoseconds now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return {};
  Contender* session = found->second.get();
  if (holder_ == session) end_lease(now);
  if (session->waiting) stop_waiting(*session, now);
  const Why last = why(id, now);
  session->tenant->competes = wants_already(*session->tenant);
  if (session->tenant->terms.priority_class == PriorityClass::latency) --latency_sessions_;
  sessions_.erase(found);
  return last;
}

// ---- what the sessions do ----

void Arbiter::wants(SessionId id, Nanoseconds now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second->waiting || holder_ == found->second.get()) return;
  Contender& session = *found->second;
  if (session.left_idle) session.comes_back = now - session.since_ns + session.lingered_ns < settings_.linger_ns;
  session.left_idle = false;
  if (!wants_already(*session.tenant)) session.tenant->come_back(settings_, now);
  begin_waiting(session, now);
}

void Arbiter::begin_waiting(Contender& session, Nanoseconds now) {
  session.waiting = true;
  session.since_ns = now;
  session.tenant->cap.fill(now);
  session.capped_until_ns = session.tenant->cap_ready_ns(settings_);
  waiting_.push_back(&session);
}

// A charge never shrinks: a report that comes late turns build into device time. While others wait, what is build is
// known only when all reports are there.
void Arbiter::observe(const Use& since_grant, Nanoseconds now) {
  SLUICE_REQUIRE(holder_ != nullptr);
  use_.measured_ns = std::max(use_.measured_ns, since_grant.measured_ns);
  use_.floor_ns = std::max(use_.floor_ns, since_grant.floor_ns);
  observed_ns_ = now;
  const metering::Charge is = charge_stretch(now);
  const Nanoseconds more_ns = is.charged_ns - std::min(is.charged_ns, stretch_.charge.charged_ns);
  stretch_.charge.charged_ns += more_ns;
  stretch_.unsettled_build_ns = is.build_ns;
  holder_->charged_ns += more_ns;
  charged_.charged_ns += more_ns;
  note_beyond_reports(more_ns);
  holder_->tenant->charge(more_ns, shared_turn_ns(), settings_, now);
  if (!stretch_.waited_for) settle_build();
}

void Arbiter::settle_build() {
  const Nanoseconds build_ns = stretch_.unsettled_build_ns;
  const Nanoseconds more_ns = build_ns - std::min(build_ns, stretch_.charge.build_ns);
  stretch_.charge.build_ns += more_ns;
  holder_->build_ns += more_ns;
  charged_.build_ns += more_ns;
  holder_->tenant->charge(more_ns, shared_turn_ns(), settings_, observed_ns_);
}

void Arbiter::note_beyond_reports(Nanoseconds more_ns) {
  const Nanoseconds told_ns = use_.measured_ns - stretch_.before.measured_ns;
  const Nanoseconds charged_ns = stretch_.charge.charged_ns;
  Nanoseconds& beyond_ns = stretch_.waited_for ? holder_->beyond_waited_ns : holder_->beyond_floor_ns;
  beyond_ns += std::min(more_ns, charged_ns - std::min(charged_ns, told_ns));
}

metering::Charge Arbiter::charge_stretch(Nanoseconds now) const {
  metering::Stretch stretch;
  stretch.held_ns = now - stretch_.began_ns;
  stretch.measured_ns = use_.measured_ns - stretch_.before.measured_ns;
  stretch.floor_ns = use_.floor_ns - stretch_.before.floor_ns;
  stretch.waited_for = stretch_.waited_for;
  return metering::charge(stretch, holder_->proof);
}

// As of the last observation.
void Arbiter::begin_stretch(bool waited_for) {
  settle_build();
  stretch_ = {waited_for, observed_ns_, use_, {}, 0};
  was_shared_ = was_shared_ || waited_for;
}

void Arbiter::returned(bool wants_more, Nanoseconds now) {
  if (holder_ == nullptr) return;
  Contender& session = *holder_;
  end_lease(now);
  session.left_idle = !wants_more;
  if (!wants_more) session.tenant->competes = wants_already(*session.tenant);
  if (!wants_more && !session.tenant->competes) session.tenant->left_ns = now;
  session.lingered_ns = lease_.linger_ns != unlimited_ns ? lease_.linger_ns : 0;
  if (wants_more) begin_waiting(session, now);
}

void Arbiter::ran_without(SessionId id, const Use& since_lease, Nanoseconds passed_ns, Nanoseconds now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Contender& session = *found->second;
  const Nanoseconds floor_ns = session.proof == metering::Proof::processor_time ? since_lease.floor_ns : 0;
  const Nanoseconds build_ns = metering::build_ns(since_lease.measured_ns, floor_ns, passed_ns);
  if (build_ns == 0) return;
  session.build_ns += build_ns;
  session.tenant->charge(build_ns, shared_turn_ns(), settings_, now);
}

void Arbiter::end_lease(Nanoseconds now) {
  settle_build();
  holder_->leased_ns += now - granted_ns_;
  holder_->since_ns = now;
  holder_ = nullptr;
  asked_back_ = stale_ = false;
}

void Arbiter::stop_waiting(Contender& session, Nanoseconds now) {
  session.waiting = false;
  session.waited_ns += now - session.since_ns;
  session.capped_ns += session.capped_now_ns(now);
  session.since_ns = now;
  std::erase(waiting_, &session);
}

// ---- who is next ----

bool Arbiter::wants_already(const Tenant& tenant) const {
  if (holder_ != nullptr && holder_->tenant == &tenant) return true;
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const Contender* session) { return session->tenant == &tenant; });
}

Arbiter::Choice Arbiter::choose(Nanoseconds now) {
  Choice choice;
  std::uint64_t lowest_tag = holder_ != nullptr ? holder_->tenant->tag : std::numeric_limits<std::uint64_t>::max();
  if (holder_ != nullptr) holder_->tenant->guarantee.flow_in(now);
  const auto ready = [&](const Contender& session) {
    return !session.tenant->terms.suspended && session.tenant->cap_ready_ns(settings_) <= now;
  };
  for (Contender* session : waiting_) {
    session->tenant->cap.fill(now);
    if (session->tenant->terms.suspended) {
      session->tenant->guarantee.fill(now);
      continue;
    }
    session->tenant->guarantee.flow_in(now);
    ++choice.awaited;
    const bool is_ready = ready(*session);
    if (is_ready && session->tenant->competes) lowest_tag = std::min(lowest_tag, session->tenant->tag);
    if (!is_ready) session->tenant->competes = false;
    if (!is_ready) choice.again_ns = std::min(choice.again_ns, session->tenant->cap_ready_ns(settings_));
  }
  if (lowest_tag != std::numeric_limits<std::uint64_t>::max()) virtual_time_ = std::max(virtual_time_, lowest_tag);
  for (Contender* session : waiting_) {
    if (!ready(*session)) continue;
    ++choice.ready;
    // Who comes anew starts with those that are there: the others' use of an idle device is not held against them.
    if (!std::exchange(session->tenant->competes, true))
      session->tenant->tag = std::max(session->tenant->tag, virtual_time_);
    if (choice.best == nullptr || session->goes_before(*choice.best, settings_)) choice.best = session;
  }
  return choice;
}

// When the holder will have passed its cap, or now if it has: no sooner than this. By its own worker's word a holder
// gives back when its budget is used up; this is for one that does not.
Nanoseconds Arbiter::past_cap_ns(Nanoseconds now) const {
  if (!is_capped(holder_->tenant->terms) || lease_.budget_ns == unlimited_ns) return unlimited_ns;
  const Nanoseconds most_ns = lease_.budget_ns + settings_.overrun_ns;
  return now + most_ns - std::min(most_ns, charged_.sum_ns());
}

bool Arbiter::must_give_back(const Choice& waiting, Nanoseconds now) const {
  if (holder_->tenant->terms.suspended || stale_ || past_cap_ns(now) <= now) return true;
  if (waiting.best == nullptr) return false;
  if (!shared_ || now >= lease_.until_ns) return true;
  return overtakes(*waiting.best->tenant);
}

bool Arbiter::overtakes(const Tenant& next) const {
  return next.terms.priority_class == PriorityClass::latency && next.rank(settings_) < holder_->tenant->rank(settings_);
}

LeaseDecision Arbiter::decide(Nanoseconds now) {
  const Choice choice = choose(now);
  LeaseDecision decision;
  decision.again_ns = choice.again_ns;
  if (holder_ == nullptr) return choice.best != nullptr ? grant(choice, now) : decision;
  if (const bool waited_for = choice.best != nullptr; waited_for != stretch_.waited_for) begin_stretch(waited_for);
  if (asked_back_) return decision;
  if (must_give_back(choice, now)) {
    asked_back_ = true;
    overtaken_ = choice.best != nullptr && overtakes(*choice.best->tenant);
    ++holder_->asked_back;
    decision.kind = LeaseDecision::Kind::ask_back;
    decision.session = holder_->id;
    decision.past_cap = choice.best == nullptr && !holder_->tenant->terms.suspended && !stale_;
  } else {
    decision.again_ns = std::min(decision.again_ns, past_cap_ns(now));
    if (choice.best != nullptr) decision.again_ns = std::min(decision.again_ns, lease_.until_ns);
  }
  return decision;
}

LeaseDecision Arbiter::grant(const Choice& choice, Nanoseconds now) {
  SLUICE_INVARIANT(holder_ == nullptr);
  Contender& session = *choice.best;
  SLUICE_INVARIANT(session.waiting);
  stop_waiting(session, now);
  ++session.leases;
  holder_ = &session;
  shared_ = choice.ready > 1;
  lease_ = terms_for(*session.tenant, choice, now);
  if (session.proof == metering::Proof::held_time)
    lease_.linger_ns = std::min(lease_.linger_ns, settings_.linger_charged_ns);
  if (shared_ && !session.comes_back) lease_.linger_ns = 0;
  // Who overtakes pays for handing the device over and back, or many short commands could make everybody else stop.
  if (std::exchange(overtaken_, false) && session.tenant->terms.priority_class == PriorityClass::latency)
    session.tenant->charge_turn(2 * settings_.hand_over_ns, shared_turn_ns(), settings_, now);
  granted_ns_ = observed_ns_ = now;
  was_shared_ = false;
  use_ = {};
  charged_ = {};
  stretch_ = {};
  begin_stretch(shared_);
  LeaseDecision decision{LeaseDecision::Kind::grant, session.id, lease_, choice.again_ns};
  if (shared_) decision.again_ns = std::min(decision.again_ns, lease_.until_ns);
  decision.again_ns = std::min(decision.again_ns, past_cap_ns(now));
  return decision;
}

LeaseTerms Arbiter::terms_for(const Tenant& tenant, const Choice& choice, Nanoseconds now) const {
  LeaseTerms lease;
  lease.window_ns = settings_.window_alone_ns;
  if (choice.awaited > 1) {
    lease.window_ns = settings_.window_shared_ns;
    lease.piece_ns = settings_.piece_shared_ns;
  }
  if (shared_) {
    lease.budget_ns = settings_.turn_ns;
    lease.until_ns = now + 2 * settings_.turn_ns;
    lease.linger_ns = settings_.linger_ns;
  }
  if (is_capped(tenant.terms)) {
    const auto left_ns = static_cast<Nanoseconds>(std::max<std::int64_t>(tenant.cap.level_ns(), 0));
    lease.budget_ns = std::min(lease.budget_ns, left_ns);
    lease.linger_ns = std::min(lease.linger_ns, settings_.linger_capped_ns);
    const Nanoseconds piece_ns = std::max(lease.budget_ns, piece_capped_ns_min);
    lease.piece_ns = lease.piece_ns == 0 ? piece_ns : std::min(lease.piece_ns, piece_ns);
  }
  if (latency_sessions_ != 0 && tenant.terms.priority_class != PriorityClass::latency) {
    lease.window_ns = settings_.window_latency_ns;
    lease.piece_ns = settings_.piece_latency_ns;
  }
  return lease;
}

// ---- for people ----

std::optional<SessionId> Arbiter::holder() const {
  return holder_ != nullptr ? std::optional(holder_->id) : std::nullopt;
}

Why Arbiter::why(SessionId id, Nanoseconds now) const {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return {};
  const Contender& session = *found->second;
  Why why = session.sums(settings_, now);
  if (holder_ == &session) {
    why.state = Why::State::runs;
    why.since_ns = granted_ns_;
    why.leased_ns += now - granted_ns_;
  } else if (session.waiting && holder_ != nullptr) {
    why.holder = holder_->id;
  }
  return why;
}

}  // namespace sluice::arbiter
