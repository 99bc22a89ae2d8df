#include "daemon/worker/gate.h"

#include <algorithm>
#include <utility>

#include "wire/transport/doorbell.h"

namespace sluice::worker {
namespace {

constexpr std::uint32_t in_flight_alone_min = 2;  // so that the device need not wait for us between two long commands
// More than any device needs to be busy, and few enough for what a driver keeps of each.
constexpr std::uint32_t in_flight_max = 1 << 15;
constexpr Nanoseconds own_turn_ns = 20 * ns_per_ms;
constexpr std::uint32_t whole_milli = 1000;
constexpr Nanoseconds linger_compiling_ns = 100 * ns_per_us;
constexpr Nanoseconds look_again_ns = 20 * ns_per_ms;  // for a daemon that has come or gone
// Of words of this process, and of the daemon's, which runs under the same kernel.
constexpr wire::Doorbell same_kernel;

}  // namespace

bool Gate::admit(Nanoseconds estimate_ns) {
  if (!fits(estimate_ns) || !lease_.begin()) return false;
  admitted_ns_.fetch_add(estimate_ns, std::memory_order_relaxed);
  return true;
}

Nanoseconds Gate::pending_ns() const {
  const Nanoseconds ended_ns = ended_ns_.load(std::memory_order_relaxed);
  return admitted_ns_.load(std::memory_order_relaxed) - ended_ns;
}

bool Gate::bound_in_flight(Nanoseconds pending_ns_max) {
  pending_ns_max_.store(pending_ns_max, std::memory_order_relaxed);
  return lease_.in_flight() <= 1 || pending_ns() <= pending_ns_max;
}

Nanoseconds Gate::piece_ns() {
  if (!lease_.held()) return 0;
  if (lease_.number() != lease_number_) take_up_lease();
  return terms_.piece_ns;
}

bool Gate::fits(Nanoseconds estimate_ns) {
  if (lease_.compiling()) return false;
  if (!lease_.held() && !lease_oneself(now_ns())) return false;
  if (lease_.number() != lease_number_) take_up_lease();
  const std::uint32_t in_flight = lease_.in_flight();
  const Nanoseconds pending = pending_ns();
  const bool limited = terms_.until_ns != UINT64_MAX || terms_.budget_ns != UINT64_MAX;
  if (in_flight >= in_flight_max) return false;
  if (in_flight != 0 && pending + estimate_ns > terms_.window_ns && (limited || in_flight >= in_flight_alone_min))
    return false;
  if (in_flight != 0 && pending + estimate_ns > pending_ns_max_.load(std::memory_order_relaxed)) return false;
  if (within_lease(pending, in_flight)) return true;
  (void)lease_.give_back(true);
  return false;
}

// A command that starts within the budget may run past it; the excess is charged to the next lease. A lease that ended
// earlier would make hand-overs more frequent.
bool Gate::within_lease(Nanoseconds pending_ns, std::uint32_t in_flight) {
  if (terms_.until_ns != UINT64_MAX && now_ns() >= terms_.until_ns) return false;
  if (terms_.budget_ns == UINT64_MAX) return true;
  const Nanoseconds used_ns = meter_.device_ns.load(std::memory_order_relaxed) - used_before_ns_;
  return used_ns + pending_ns < terms_.budget_ns || used_ns + in_flight == 0;
}

void Gate::take_up_lease() {
  lease_number_ = lease_.number();
  terms_ = lease_.terms();
  used_before_ns_ = meter_.device_ns.load(std::memory_order_relaxed);
  wire::spinning_pays.store(true, std::memory_order_relaxed);
}

// Sequentially consistent, and so are the end of a lease and of a command: either ended() sees that commands wait, or
// they see what has ended.
void Gate::set_waiting(bool waiting) {
  waiting_.store(waiting, std::memory_order_seq_cst);
  if (!waiting || lease_.held() || lease_.compiling()) return;
  wire::spinning_pays.store(false, std::memory_order_relaxed);
  lease_.want();
}

Nanoseconds Gate::rest(Nanoseconds now) {
  const bool resuming = resuming_.load(std::memory_order_seq_cst) != 0;
  const bool wanted = resuming || waiting_.load(std::memory_order_relaxed);
  if (!daemon_lives_.load(std::memory_order_acquire) && !lease_.held() && wanted && !(resuming && lease_oneself(now)))
    return std::max(next_own_lease_ns_, now + 1);
  Nanoseconds linger_ns = lease_.held() ? lease_.terms().linger_ns : UINT64_MAX;
  if (lease_.held() && compiles_.load(std::memory_order_seq_cst) != 0)
    linger_ns = std::min(linger_ns, linger_compiling_ns);
  if (linger_ns == UINT64_MAX) return wire::no_deadline;
  if (lease_.in_flight() != 0) return wire::no_deadline;  // ended() wakes us when the last command does
  const Nanoseconds idle_ns = lease_.idle_for(now);
  if (idle_ns < linger_ns) return now + (linger_ns - idle_ns);
  (void)lease_.give_back(waiting_.load(std::memory_order_relaxed));
  return wire::no_deadline;
}

void Gate::ended(Nanoseconds estimate_ns) {
  ended_ns_.fetch_add(estimate_ns, std::memory_order_relaxed);
  const bool waited = waiting_.load(std::memory_order_relaxed);
  const bool given_back = lease_.end(waited);
  const bool waiting = waiting_.load(std::memory_order_seq_cst);
  if (given_back) {
    // Too late by chance, it costs the next lease some spins, and nothing else.
    if (!lease_.held()) wire::spinning_pays.store(false, std::memory_order_relaxed);
    if (waiting && !waited) lease_.want();
    if (!daemon_lives_.load(std::memory_order_seq_cst)) wake_();
    return;  // the next grant wakes the command thread
  }
  const std::uint32_t in_flight = lease_.in_flight();
  const LeaseTerms terms = lease_.terms();
  // Not for each of many short ones.
  const Nanoseconds full_ns = std::min(terms.window_ns, pending_ns_max_.load(std::memory_order_relaxed));
  const bool room = in_flight < in_flight_alone_min || pending_ns() <= full_ns / 2;
  const auto may_lapse = [&] {
    return terms.linger_ns != UINT64_MAX || compiles_.load(std::memory_order_seq_cst) != 0;
  };
  if (waiting ? room : in_flight == 0 && may_lapse()) wake_();
}

// The command thread's rest sees the count, or the end of the last command does.
void Gate::begin_compile() {
  compiles_.fetch_add(1, std::memory_order_seq_cst);
  wake_();
}

void Gate::begin_launch_compile() {
  launch_compiles_.fetch_add(1,
                             std::memory_order_seq_cst);  // before it can be seen in the lease: see end_launch_compile
  lease_.begin_compile();
  wire::spinning_pays.store(false, std::memory_order_relaxed);
}

// A lease is of no use before the last launch has been compiled: it could not be given back. The command
// thread is woken at the end, for what it could not submit meanwhile, and before that where nobody else would grant a
// lease.
void Gate::end_launch_compile() {
  if (launch_compiles_.fetch_sub(1, std::memory_order_seq_cst) == 1) same_kernel.wake_own(launch_compiles_);
  for (bool wants = false;;) {
    const std::uint32_t changed = lease_.changed().load(std::memory_order_acquire);
    const std::uint32_t own_changed = lease_.own_changed().load(std::memory_order_acquire);
    const std::uint32_t compiling = launch_compiles_.load(std::memory_order_seq_cst);
    if (compiling == 0 && lease_.end_compile()) {
      if (wants) resuming_.fetch_sub(1, std::memory_order_relaxed);
      break;
    }
    if (compiling != 0) {
      same_kernel.wait(launch_compiles_, compiling);
      continue;
    }
    if (!std::exchange(wants, true))
      resuming_.fetch_add(1, std::memory_order_seq_cst);  // then the look: see set_daemon
    lease_.want();
    if (!daemon_lives_.load(std::memory_order_seq_cst)) wake_();
    wait_for_grant(changed, own_changed);
  }
  wake_();
}

void Gate::wait_for_grant(std::uint32_t changed, std::uint32_t own_changed) {
  const Nanoseconds deadline_ns = now_ns() + look_again_ns;
  if (daemon_lives_.load(std::memory_order_acquire)) same_kernel.wait(lease_.changed(), changed, deadline_ns);
  else same_kernel.wait(lease_.own_changed(), own_changed, deadline_ns);
}

void Gate::set_daemon(bool lives) {
  {
    const std::lock_guard lock(own_leases_);
    daemon_lives_.store(lives, std::memory_order_seq_cst);
    if (lives) lease_.follow_daemon(waiting_.load(std::memory_order_seq_cst));
  }
  wake_();
}

// Several workers may do so at once, and then share the device as its driver has it.
bool Gate::lease_oneself(Nanoseconds now) {
  if (daemon_lives_.load(std::memory_order_acquire)) return false;
  const std::lock_guard lock(own_leases_);
  if (daemon_lives_.load(std::memory_order_acquire) || now < next_own_lease_ns_) return false;
  const std::uint32_t cap_milli = lease_.cap_milli();
  LeaseTerms terms;
  terms.window_ns = own_turn_ns;
  if (cap_milli != 0 && cap_milli < whole_milli) {
    const Nanoseconds used_ns = meter_.device_ns.load(std::memory_order_relaxed) - used_before_ns_;
    const Nanoseconds paid_ns = own_lease_ns_ == 0 ? now : own_lease_ns_ + used_ns * whole_milli / cap_milli;
    next_own_lease_ns_ = paid_ns;
    if (now < paid_ns) return false;
    terms.budget_ns = own_turn_ns * cap_milli / whole_milli;
  }
  own_lease_ns_ = now;
  lease_.grant_oneself(terms);
  return true;
}

}  // namespace sluice::worker
