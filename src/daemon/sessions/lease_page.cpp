#include "daemon/sessions/lease_page.h"

#include <unistd.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr std::uint64_t in_flight_mask = 0xffffffff;
constexpr std::uint64_t drained = lease_granted | lease_asked_back;

// From now on nothing is submitted under the lease; with nothing in flight, or nothing that is on the device, it is
// over. In one step: whoever finds the lease held may rely on its end being told to somebody.
enum class Asked : std::uint8_t { no_lease, over, drains };
Asked ask_for(std::atomic<std::uint64_t>& state) {
  std::uint64_t was = state.load(std::memory_order_acquire);
  while ((was & lease_granted) != 0) {
    const bool over = (was & in_flight_mask) == 0 || (was & lease_aside) != 0;
    const std::uint64_t then = over ? was & ~drained : was | lease_asked_back;
    if (state.compare_exchange_weak(was, then, std::memory_order_seq_cst)) return over ? Asked::over : Asked::drains;
  }
  return Asked::no_lease;
}

// Ends a lease that was asked for and has nothing in flight. False: somebody else did, or it is not so.
bool end_drained(std::atomic<std::uint64_t>& state) {
  std::uint64_t expected = drained;
  return state.compare_exchange_strong(expected, 0, std::memory_order_seq_cst);
}

}  // namespace

// ---- the worker's side ----

LeaseHolder::LeaseHolder(std::span<std::byte> page, int kick_fd)
    : page_(reinterpret_cast<LeasePage*>(page.data())), kick_fd_(kick_fd) {}

// Sequentially consistent, as the ends are: see Gate::set_waiting.
bool LeaseHolder::held() const {
  return (page_->state.load(std::memory_order_seq_cst) & lease_granted) != 0;  // pairs with grant
}

bool LeaseHolder::asked_back() const { return (page_->state.load(std::memory_order_relaxed) & lease_asked_back) != 0; }

std::uint32_t LeaseHolder::in_flight() const {
  return static_cast<std::uint32_t>(page_->state.load(std::memory_order_relaxed) & in_flight_mask);
}

LeaseTerms LeaseHolder::terms() const {
  const auto read = [](const std::atomic<Nanoseconds>& term) { return term.load(std::memory_order_relaxed); };
  return {read(page_->budget_ns), read(page_->until_ns), read(page_->window_ns), read(page_->piece_ns),
          read(page_->linger_ns)};
}

bool LeaseHolder::begin() {
  std::uint64_t state = page_->state.load(std::memory_order_acquire);  // pairs with grant
  do {
    if ((state & (lease_granted | lease_asked_back | lease_aside)) != lease_granted) return false;
  } while (!page_->state.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel));
  if ((state & in_flight_mask) == 0) note_idle(false);
  return true;
}

bool LeaseHolder::end(bool wants_more) {
  const std::uint64_t state = page_->state.fetch_sub(1, std::memory_order_seq_cst) - 1;
  if ((state & in_flight_mask) != 0 || (state & lease_aside) != 0) return false;
  if ((state & lease_asked_back) != 0) return end_lease(wants_more);
  note_idle(true);
  if (in_flight() != 0) note_idle(false);  // another has begun meanwhile, perhaps before this noted the opposite
  return false;
}

bool LeaseHolder::give_back(bool wants_more) {
  if (ask_for(page_->state) != Asked::over) return false;
  if (wants_more) page_->wants.store(1, std::memory_order_release);
  kick();
  return true;
}

// Of a lease that was seen drained. If the daemon ends it first it may miss the wish, and so hears of it all the same.
bool LeaseHolder::end_lease(bool wants_more) {
  if (wants_more) page_->wants.store(1, std::memory_order_release);
  const bool ended = end_drained(page_->state);
  if (ended || wants_more) kick();
  return ended;
}

void LeaseHolder::want() {
  if (page_->wants.exchange(1, std::memory_order_acq_rel) == 0) kick();
}

void LeaseHolder::step_aside() {
  std::uint64_t was = page_->state.load(std::memory_order_acquire);
  while (!page_->state.compare_exchange_weak(was, (was & in_flight_mask) | lease_aside, std::memory_order_seq_cst))
    continue;
  if ((was & lease_granted) != 0) kick();
}

// What has ended meanwhile may have been all: then whoever asked for the lease has it now.
bool LeaseHolder::come_back() {
  std::uint64_t was = page_->state.load(std::memory_order_acquire);  // pairs with grant
  do {
    if ((was & lease_aside) == 0) return true;  // with another thread
    if ((was & lease_granted) == 0) return false;
  } while (!page_->state.compare_exchange_weak(was, was & ~lease_aside, std::memory_order_seq_cst));
  if ((was & in_flight_mask) != 0) note_idle(false);
  else if ((was & lease_asked_back) != 0) (void)end_lease(false);
  return true;
}

bool LeaseHolder::aside() const { return (page_->state.load(std::memory_order_seq_cst) & lease_aside) != 0; }

void LeaseHolder::grant_oneself(const LeaseTerms& terms) {
  LeaseGrantor(std::span(reinterpret_cast<std::byte*>(page_), lease_page_bytes)).grant(terms);
}

Nanoseconds LeaseHolder::idle_for(Nanoseconds now) const {
  if (!held()) return 0;
  const Nanoseconds since = page_->idle_since_ns.load(std::memory_order_relaxed);
  return since == 0 || since >= now ? 0 : now - since;
}

void LeaseHolder::note_idle(bool idle) {
  const Nanoseconds now = now_ns();
  const Nanoseconds since = page_->idle_since_ns.exchange(idle ? now : 0, std::memory_order_relaxed);
  if (!idle && since != 0 && now > since) page_->idle_ns.fetch_add(now - since, std::memory_order_relaxed);
}

void LeaseHolder::kick() const {
  const std::uint64_t one = 1;
  (void)!::write(kick_fd_, &one, sizeof one);  // a daemon that is gone hears nothing, and needs not
}

// ---- the daemon's side ----

bool LeaseGrantor::held() const { return (page_->state.load(std::memory_order_acquire) & lease_granted) != 0; }

bool LeaseGrantor::wants() const { return page_->wants.load(std::memory_order_acquire) != 0; }

void LeaseGrantor::set_cap(std::uint32_t cap_milli) { page_->cap_milli.store(cap_milli, std::memory_order_relaxed); }

void LeaseGrantor::grant(const LeaseTerms& terms) {
  page_->budget_ns.store(terms.budget_ns, std::memory_order_relaxed);
  page_->until_ns.store(terms.until_ns, std::memory_order_relaxed);
  page_->window_ns.store(terms.window_ns, std::memory_order_relaxed);
  page_->piece_ns.store(terms.piece_ns, std::memory_order_relaxed);
  page_->linger_ns.store(terms.linger_ns, std::memory_order_relaxed);
  page_->idle_ns.store(0, std::memory_order_relaxed);
  page_->idle_since_ns.store(now_ns(), std::memory_order_relaxed);
  page_->wants.store(0, std::memory_order_relaxed);
  page_->number.fetch_add(1, std::memory_order_relaxed);
  // Not over a lease that the worker gave itself meanwhile, with commands in flight. Pairs with begin.
  std::uint64_t was = page_->state.load(std::memory_order_relaxed);
  while ((was & lease_granted) == 0 &&
         !page_->state.compare_exchange_weak(was, was | lease_granted, std::memory_order_release,
                                             std::memory_order_relaxed))
    continue;
  page_->changed.fetch_add(1, std::memory_order_seq_cst);
  wire::futex_wake_all(page_->changed);
}

bool LeaseGrantor::ask_back() { return ask_for(page_->state) == Asked::over; }

Nanoseconds LeaseGrantor::idle_ns(Nanoseconds now) const {
  const Nanoseconds over = page_->idle_ns.load(std::memory_order_relaxed);
  const Nanoseconds since = page_->idle_since_ns.load(std::memory_order_relaxed);
  return over + (since != 0 && since < now ? now - since : 0);
}

}  // namespace sluice
