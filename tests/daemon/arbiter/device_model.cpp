#include "tests/daemon/arbiter/device_model.h"

#include <algorithm>

namespace sluice::test {

using arbiter::LeaseDecision;
using arbiter::unlimited_ns;

void DeviceModel::session(SessionId id, TenantId tenant, Behaviour behaviour, Nanoseconds starts_ns, Lies lies) {
  auto program = std::make_unique<Program>();
  program->id = id;
  program->tenant = tenant;
  program->behaviour = std::move(behaviour);
  program->lies = lies;
  arbiter_.open(id, tenant, now_);
  Program& placed = *programs_.emplace(id, std::move(program)).first->second;
  at(std::max(starts_ns, now_), [this, &placed] { arrive(placed); });
}

// The program submits its next command.
void DeviceModel::arrive(Program& program) {
  program.next = program.behaviour();
  if (!program.next) return;
  if (held_ && held_->program == &program) {
    if (held_->idle_since_ns != 0) submit();
    return;
  }
  program.asked_ns = now_;
  observe();
  arbiter_.wants(program.id, now_);
}

void DeviceModel::run_until(Nanoseconds end_ns) {
  carry_out();
  while (!due_.empty() && due_.begin()->first <= end_ns) {
    const auto next = due_.extract(due_.begin());
    const bool wasted = wasting();
    if (wasted) wasted_ns_ += next.key() - now_;
    now_ = next.key();
    next.mapped()();
    carry_out();
  }
  now_ = end_ns;
}

bool DeviceModel::wasting() const {
  if (held_ && (held_->program->busy || held_->lease.linger_ns != unlimited_ns)) return false;
  return std::any_of(programs_.begin(), programs_.end(), [this](const auto& entry) {
    if (held_ && held_->program == entry.second.get()) return entry.second->next.has_value();
    return arbiter_.why(entry.first, now_).state == arbiter::Why::State::waits_for_turn;
  });
}

void DeviceModel::plan(Nanoseconds when_ns) {
  if (when_ns == unlimited_ns || when_ns <= now_ || (planned_ns_ > now_ && planned_ns_ <= when_ns)) return;
  planned_ns_ = when_ns;
  at(when_ns, [] {});
}

void DeviceModel::observe() {
  if (!held_) return;
  const Lies& lies = held_->program->lies;
  const Nanoseconds running_ns = held_->runs_since_ns != 0 ? now_ - held_->runs_since_ns : 0;
  arbiter_.observe(
      {held_->ran_ns * lies.reports_percent / 100, (held_->ran_ns + running_ns) * lies.units_percent / 100}, now_);
}

void DeviceModel::carry_out() {
  for (;;) {
    observe();
    const LeaseDecision decision = arbiter_.decide(now_);
    ++decisions_;
    if (decision.kind == LeaseDecision::Kind::nothing) return plan(decision.again_ns);
    if (decision.kind == LeaseDecision::Kind::ask_back) {
      held_->asked_back = held_->program->lies.obeys;
      if (!held_->asked_back) return plan(decision.again_ns);
      if (!held_->program->busy && held_->idle_since_ns != 0) give_back(false);
      continue;
    }
    ++grants_;
    held_ = Held{programs_.at(decision.session).get(), decision.terms, 0, 0, 0, false, ++leases_};
    waits_.push_back({held_->program->tenant, held_->program->id, held_->program->asked_ns, now_});
    held_->program->busy = true;  // until then nothing else can happen to it
    at(now_ + hand_over_ns_, [this, number = leases_] {
      if (!held_ || held_->number != number) return;
      held_->program->busy = false;
      submit();
    });
  }
}

void DeviceModel::give_back(bool wants_more) {
  observe();
  Program& program = *held_->program;
  held_.reset();
  if (wants_more) program.asked_ns = now_;
  arbiter_.returned(wants_more, now_);
}

void DeviceModel::go_idle() {
  if (held_->program->lies.obeys && (held_->asked_back || held_->lease.linger_ns == 0)) return give_back(false);
  held_->idle_since_ns = now_;
  if (held_->lease.linger_ns == unlimited_ns || !held_->program->lies.obeys) return;
  at(now_ + held_->lease.linger_ns, [this, number = held_->number, since = now_] {
    if (held_ && held_->number == number && held_->idle_since_ns == since) give_back(false);
  });
}

// The holder's next command, or as much of it as it may submit at once.
void DeviceModel::submit() {
  held_->idle_since_ns = 0;
  Program& program = *held_->program;
  if (!program.next) return go_idle();
  Command& next = *program.next;
  const bool cut = next.divisible && held_->lease.piece_ns != 0 && next.length_ns > held_->lease.piece_ns;
  const Nanoseconds length_ns = cut ? held_->lease.piece_ns : next.length_ns;
  const bool first = held_->ran_ns == 0;
  const bool over = held_->ran_ns >= held_->lease.budget_ns;
  const bool must = held_->asked_back || now_ >= held_->lease.until_ns || (!first && over);
  if (must && program.lies.obeys) return give_back(true);
  held_->runs_since_ns = now_;
  Command rest = next;
  rest.length_ns -= length_ns;
  program.next.reset();
  program.busy = true;
  at(now_ + length_ns, [this, number = held_->number, started = now_, rest] { end_command(number, started, rest); });
}

void DeviceModel::end_command(std::uint64_t number, Nanoseconds started_ns, Command rest) {
  if (!held_ || held_->number != number) return;
  Program& program = *held_->program;
  runs_.push_back({program.tenant, program.id, started_ns, now_});
  held_->ran_ns += now_ - started_ns;
  held_->runs_since_ns = 0;
  program.busy = false;
  if (rest.length_ns != 0) program.next = rest;
  else if (rest.think_ns == 0) program.next = program.behaviour();
  else at(now_ + rest.think_ns, [this, &program] { arrive(program); });
  submit();
}

// ---- what happened ----

Nanoseconds DeviceModel::used_ns(TenantId tenant) const { return used_ns(tenant, 0, unlimited_ns); }

Nanoseconds DeviceModel::used_ns(TenantId tenant, Nanoseconds from_ns, Nanoseconds to_ns) const {
  Nanoseconds sum = 0;
  for (const Run& run : runs_) {
    if (run.tenant != tenant || run.ended_ns <= from_ns || run.started_ns >= to_ns) continue;
    sum += std::min(run.ended_ns, to_ns) - std::max(run.started_ns, from_ns);
  }
  return sum;
}

namespace {

using Span = std::pair<Nanoseconds, Nanoseconds>;

// Over windows that begin with a span. By rising start.
Nanoseconds most_from_a_start(const std::vector<Span>& spans, Nanoseconds window_ns) {
  Nanoseconds most = 0, whole = 0;  // whole: of the spans [first, past)
  std::size_t past = 0;
  for (std::size_t first = 0; first < spans.size(); ++first) {
    const Nanoseconds end_ns = spans[first].first + window_ns;
    for (; past < spans.size() && spans[past].second <= end_ns; ++past) whole += spans[past].second - spans[past].first;
    const bool cut = past < spans.size() && spans[past].first < end_ns;
    most = std::max(most, whole + (cut ? end_ns - spans[past].first : 0));
    if (past == first) ++past;  // longer than the window
    else whole -= spans[first].second - spans[first].first;
  }
  return most;
}

}  // namespace

// The most is reached by a window that begins with a run or ends with one.
Nanoseconds DeviceModel::most_used_ns(TenantId tenant, Nanoseconds window_ns) const {
  std::vector<Span> spans, mirrored;
  for (const Run& run : runs_)
    if (run.tenant == tenant) spans.emplace_back(run.started_ns, run.ended_ns);
  for (auto run = spans.rbegin(); run != spans.rend(); ++run)
    mirrored.emplace_back(now_ - run->second, now_ - run->first);
  return std::max(most_from_a_start(spans, window_ns), most_from_a_start(mirrored, window_ns));
}

}  // namespace sluice::test
