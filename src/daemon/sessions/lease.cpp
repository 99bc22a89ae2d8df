#include "daemon/sessions/lease.h"

#include <unistd.h>

#include <algorithm>

namespace sluice {
namespace {

// Leases that the worker grants itself have numbers that no daemon gives.
constexpr std::uint32_t own_numbers = 1u << 31;
constexpr int number_shift = 32;

std::uint32_t number_of(std::uint64_t word) { return static_cast<std::uint32_t>(word >> number_shift); }
std::uint64_t numbered(std::uint32_t number) { return std::uint64_t{number} << number_shift; }
std::uint64_t in_flight_of(std::uint64_t report) { return report & lease_in_flight_mask; }

// 0 is no lease's: it stands for "none was returned yet" and "none is wanted".
std::uint32_t next_number(std::uint32_t number) {
  const std::uint32_t next = (number + 1) & (own_numbers - 1);
  return next == 0 ? 1 : next;
}

bool is_held(std::uint64_t grant, std::uint64_t report) {
  return (grant & lease_granted) != 0 && number_of(grant) != number_of(report);
}

bool may_begin(std::uint64_t grant, std::uint64_t report) {
  return is_held(grant, report) && (grant & lease_asked_back) == 0 && (report & (lease_closing | lease_compiling)) == 0;
}

void write_terms(LeaseGrant& grant, const LeaseTerms& terms, Nanoseconds now) {
  grant.granted_ns.store(now, std::memory_order_relaxed);
  grant.terms.store(terms);
}

}  // namespace

// ---- the worker's side ----

LeaseHolder::LeaseHolder(TermsPage& terms, ReportPage& report, int kick_fd)
    : terms_(terms), report_(report), kick_fd_(kick_fd), grant_(&terms.grant) {
  report_.idle_since_ns.store(now_ns(), std::memory_order_relaxed);
}

// Sequentially consistent, as the ends are: see Gate::set_waiting.
bool LeaseHolder::held() const {
  const std::uint64_t granted = grant().lease.load(std::memory_order_seq_cst);  // pairs with LeaseGrantor::publish
  return is_held(granted, report_.lease.load(std::memory_order_seq_cst));
}

bool LeaseHolder::asked_back() const { return (grant().lease.load(std::memory_order_relaxed) & lease_asked_back) != 0; }

std::uint32_t LeaseHolder::in_flight() const {
  return static_cast<std::uint32_t>(in_flight_of(report_.lease.load(std::memory_order_relaxed)));
}

LeaseTerms LeaseHolder::terms() const { return grant().terms.load(); }

std::uint32_t LeaseHolder::number() const { return number_of(grant().lease.load(std::memory_order_acquire)); }

bool LeaseHolder::begin() {
  const std::uint64_t report = report_.lease.fetch_add(1, std::memory_order_seq_cst);  // pairs with ask_back
  if (!may_begin(grant().lease.load(std::memory_order_seq_cst), report)) {
    undo_begin();
    return false;
  }
  if (in_flight_of(report) == 0) note_idle(false);
  return true;
}

// The daemon may have seen the command that did not begin after all, and wait for its end.
void LeaseHolder::undo_begin() {
  const std::uint64_t report = report_.lease.fetch_sub(1, std::memory_order_seq_cst) - 1;
  if (in_flight_of(report) == 0 && try_return()) kick();
}

bool LeaseHolder::end(bool wants_more) {
  const std::uint64_t report = report_.lease.fetch_sub(1, std::memory_order_seq_cst) - 1;
  if (in_flight_of(report) != 0 || (report & lease_compiling) != 0) return false;
  note_idle(true);
  const std::uint64_t granted = grant().lease.load(std::memory_order_seq_cst);  // pairs with ask_back
  if ((report & lease_closing) != 0 || (granted & lease_asked_back) != 0) return return_lease(wants_more);
  if (in_flight() != 0) note_idle(false);  // another has begun meanwhile, perhaps before this noted the opposite
  return false;
}

bool LeaseHolder::give_back(bool wants_more) {
  std::uint64_t report = report_.lease.load(std::memory_order_seq_cst);
  for (;;) {
    const std::uint64_t granted = grant().lease.load(std::memory_order_seq_cst);
    if (!is_held(granted, report)) return false;
    const bool over = in_flight_of(report) == 0 || (report & lease_compiling) != 0;
    const std::uint64_t kept = report & (lease_in_flight_mask | lease_compiling);
    const std::uint64_t then = over ? numbered(number_of(granted)) | kept : report | lease_closing;
    if (!report_.lease.compare_exchange_weak(report, then, std::memory_order_seq_cst)) continue;
    if (!over) return false;
    if (wants_more) (void)wish_for_next();
    kick();
    return true;
  }
}

// A lease that was seen closing or asked back, with nothing in flight. If the daemon ends it first it may miss the
// wish, and so hears of it all the same.
bool LeaseHolder::return_lease(bool wants_more) {
  if (wants_more) (void)wish_for_next();
  const bool returned = try_return();
  if (returned || wants_more) kick();
  return returned;
}

// The report is read before the grant: if it has not changed when it is exchanged, no other thread has returned the
// lease that the grant spoke of, and no later one.
bool LeaseHolder::try_return() {
  std::uint64_t report = report_.lease.load(std::memory_order_seq_cst);
  for (;;) {
    const std::uint64_t granted = grant().lease.load(std::memory_order_seq_cst);
    if (in_flight_of(report) != 0 || (report & lease_compiling) != 0) return false;
    const bool held = is_held(granted, report), closing = (report & lease_closing) != 0;
    if (!closing && (!held || (granted & lease_asked_back) == 0)) return false;
    const std::uint64_t then = held ? numbered(number_of(granted)) : report & ~std::uint64_t{lease_closing};
    if (report_.lease.compare_exchange_weak(report, then, std::memory_order_seq_cst)) return held;
  }
}

void LeaseHolder::want() {
  if (wish_for_next()) kick();
}

// True: it was not wished for before. A wish for a lease that was granted meanwhile has come true.
bool LeaseHolder::wish_for_next() {
  const std::uint32_t next = next_number(number_of(terms_.grant.lease.load(std::memory_order_acquire)));
  return report_.lease_wish.exchange(next, std::memory_order_acq_rel) != next;  // pairs with LeaseGrantor::wants
}

void LeaseHolder::begin_compile() {
  std::uint64_t report = report_.lease.load(std::memory_order_seq_cst);
  for (;;) {
    const std::uint64_t granted = grant().lease.load(std::memory_order_seq_cst);
    const bool held = is_held(granted, report);
    const std::uint32_t returned = number_of(held ? granted : report);
    const std::uint64_t then = numbered(returned) | in_flight_of(report) | lease_compiling;
    if (!report_.lease.compare_exchange_weak(report, then, std::memory_order_seq_cst)) continue;
    note_idle(true);
    if (held) kick();
    return;
  }
}

// The daemon takes a lease at once from a worker that compiles, unless it sees a thread here: then that thread has
// looked at the grant before it was asked back, or returns the lease.
bool LeaseHolder::end_compile() {
  report_.ending_compile.fetch_add(1, std::memory_order_seq_cst);  // pairs with ask_back
  const bool back = try_end_compile();
  report_.ending_compile.fetch_sub(1, std::memory_order_seq_cst);
  if (!back) return_unused();
  return back;
}

// What has ended meanwhile may have been all: then nothing holds the lease any more.
bool LeaseHolder::try_end_compile() {
  std::uint64_t report = report_.lease.load(std::memory_order_seq_cst);
  for (;;) {
    if ((report & lease_compiling) == 0) return true;  // with another thread
    const std::uint64_t granted = grant().lease.load(std::memory_order_seq_cst);
    if (!is_held(granted, report) || (granted & lease_asked_back) != 0) return false;
    const std::uint64_t then = report & ~std::uint64_t{lease_compiling};
    if (!report_.lease.compare_exchange_weak(report, then, std::memory_order_seq_cst)) continue;
    if (in_flight_of(report) != 0) note_idle(false);
    else if (try_return()) kick();
    return true;
  }
}

// A lease that is asked back while the driver compiles.
void LeaseHolder::return_unused() {
  std::uint64_t report = report_.lease.load(std::memory_order_seq_cst);
  for (;;) {
    const std::uint64_t granted = grant().lease.load(std::memory_order_seq_cst);
    if ((report & lease_compiling) == 0 || !is_held(granted, report) || (granted & lease_asked_back) == 0) return;
    const std::uint64_t then = numbered(number_of(granted)) | in_flight_of(report) | lease_compiling;
    if (report_.lease.compare_exchange_weak(report, then, std::memory_order_seq_cst)) return kick();
  }
}

bool LeaseHolder::compiling() const { return (report_.lease.load(std::memory_order_seq_cst) & lease_compiling) != 0; }

void LeaseHolder::grant_oneself(const LeaseTerms& terms) {
  write_terms(own_, terms, now_ns());
  const std::uint32_t number = own_numbers | (++own_number_ & (own_numbers - 1));
  own_.lease.store(numbered(number) | lease_granted, std::memory_order_seq_cst);
  grant_.store(&own_, std::memory_order_seq_cst);
  own_changed_.fetch_add(1, std::memory_order_seq_cst);
  wire::futex_wake_all(own_changed_);
}

// A command that began under an own lease was counted before it looked at the grant: it is seen here, or it sees the
// daemon's grant.
void LeaseHolder::follow_daemon(bool wants_more) {
  grant_.store(&terms_.grant, std::memory_order_seq_cst);
  if (compiling()) return_unused();
  (void)return_lease(wants_more);
  wire::futex_wake_all(terms_.changed);
  own_changed_.fetch_add(1, std::memory_order_seq_cst);
  wire::futex_wake_all(own_changed_);
}

Nanoseconds LeaseHolder::idle_for(Nanoseconds now) const {
  if (!held()) return 0;
  const Nanoseconds noted = report_.idle_since_ns.load(std::memory_order_relaxed);
  const Nanoseconds since = std::max(noted, grant().granted_ns.load(std::memory_order_relaxed));
  return noted == 0 || since >= now ? 0 : now - since;
}

void LeaseHolder::note_idle(bool idle) {
  const Nanoseconds now = now_ns();
  const Nanoseconds noted = report_.idle_since_ns.exchange(idle ? now : 0, std::memory_order_relaxed);
  const Nanoseconds since = std::max(noted, grant().granted_ns.load(std::memory_order_relaxed));
  if (!idle && noted != 0 && now > since) report_.idle_ns.fetch_add(now - since, std::memory_order_relaxed);
}

void LeaseHolder::kick() const {
  const std::uint64_t one = 1;
  (void)!::write(kick_fd_, &one, sizeof one);  // a daemon that is gone hears nothing, and needs not
}

// ---- the daemon's side ----

LeaseGrantor LeaseGrantor::take_over(TermsPage& terms, const ReportPage& report, const TermsPage& before) {
  LeaseGrantor grantor(terms, report);
  grantor.number_ = next_number(number_of(before.grant.lease.load(std::memory_order_acquire)));
  grantor.granted_ = grantor.asked_back_ = true;
  grantor.granted_ns_ = now_ns();
  grantor.idle_before_ns_ = report.idle_ns.load(std::memory_order_relaxed);
  write_terms(terms.grant, {}, grantor.granted_ns_);
  terms.cap_milli.store(before.cap_milli.load(std::memory_order_relaxed), std::memory_order_relaxed);
  terms.changed.store(before.changed.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  grantor.publish(lease_granted | lease_asked_back);
  return grantor;
}

void LeaseGrantor::publish(std::uint64_t bits) {
  terms_->grant.lease.store(numbered(number_) | bits,
                            std::memory_order_seq_cst);  // pairs with LeaseHolder::begin, held
}

bool LeaseGrantor::held() const {
  return granted_ && number_of(report_->lease.load(std::memory_order_acquire)) != number_;
}

bool LeaseGrantor::wants() const { return report_->lease_wish.load(std::memory_order_acquire) == next_number(number_); }

void LeaseGrantor::set_cap(std::uint32_t cap_milli) { terms_->cap_milli.store(cap_milli, std::memory_order_relaxed); }

void LeaseGrantor::grant(const LeaseTerms& terms) {
  number_ = next_number(number_);
  granted_ = true, asked_back_ = false;
  granted_ns_ = now_ns();
  idle_before_ns_ = report_->idle_ns.load(std::memory_order_relaxed);
  write_terms(terms_->grant, terms, granted_ns_);
  publish(lease_granted);
  terms_->changed.fetch_add(1, std::memory_order_seq_cst);
  wire::futex_wake_all(terms_->changed);
}

bool LeaseGrantor::ask_back() {
  if (!held() || asked_back_) return false;
  asked_back_ = true;
  publish(lease_granted | lease_asked_back);
  const bool ending_compile = report_->ending_compile.load(std::memory_order_seq_cst) != 0;  // pairs with end_compile
  const std::uint64_t report = report_->lease.load(std::memory_order_seq_cst);               // pairs with begin and end
  const bool nothing_runs = in_flight_of(report) == 0 || ((report & lease_compiling) != 0 && !ending_compile);
  if (number_of(report) == number_ || !nothing_runs) return false;
  granted_ = false;
  publish(0);
  return true;
}

Nanoseconds LeaseGrantor::idle_ns(Nanoseconds now) const {
  if (now <= granted_ns_) return 0;
  const Nanoseconds noted = report_->idle_since_ns.load(std::memory_order_relaxed);
  const Nanoseconds since = std::max(noted, granted_ns_);
  const Nanoseconds idle = report_->idle_ns.load(std::memory_order_relaxed) - idle_before_ns_;
  const Nanoseconds lasts = noted != 0 && since < now ? now - since : 0;
  return std::min(std::min(idle, now) + lasts, now - granted_ns_);
}

}  // namespace sluice
