// LeasePage: one session's right to run on its device, between its worker and the daemon.
//
// One page per session, owned by the daemon, seen by no program and no other worker. A worker that holds the lease says
// nothing to anybody: it counts, in one word, the commands that it has submitted and that have not ended. The daemon
// takes the lease back by setting a bit in the same word; from then on nothing more is submitted, and whoever sees the
// count reach zero gives the lease back. From a worker with nothing in flight the daemon takes it by itself.
//
// A command in flight may turn out to need the host before it needs the device: its kernel is compiled first. Then the
// worker steps aside: it gives the lease back with its commands still counted, and comes back under the next one.
//
//   worker -> daemon   wants a lease, or has given it back: written in the page, then the session's eventfd ("kick")
//   daemon -> worker   granted: written in the page, then a futex wake on `changed`
//
// The worker's word is its own session's alone: what the daemon takes from here is checked against its own clock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "wire/futex.h"

namespace sluice {

inline constexpr std::size_t lease_page_bytes = 4096;

// What the holder may do; the numbers of arbiter::Lease.
struct LeaseTerms {
  Nanoseconds budget_ns = UINT64_MAX;
  Nanoseconds until_ns = UINT64_MAX;
  Nanoseconds window_ns = UINT64_MAX;
  Nanoseconds piece_ns = 0;
  Nanoseconds linger_ns = UINT64_MAX;
};

struct LeasePage {
  // Both sides: in_flight in the low half, LeaseBit above.
  alignas(64) std::atomic<std::uint64_t> state;
  std::atomic<std::uint32_t>
      wants;  // 1: has commands and no lease. Raised by the worker, lowered by the daemon's grant

  // By the daemon, before it sets lease_granted; `changed` after, so that whoever sleeps on it finds the lease.
  alignas(64) wire::FutexWord changed;
  std::atomic<std::uint32_t> number;     // of grants
  std::atomic<std::uint32_t> cap_milli;  // what holds while no daemon lives
  std::atomic<Nanoseconds> budget_ns, until_ns, window_ns, piece_ns, linger_ns;

  // By the worker.
  alignas(64) std::atomic<Nanoseconds> idle_ns;  // this lease held with nothing in flight: what is over
  std::atomic<Nanoseconds> idle_since_ns;        // and since when it is so now; 0: something is in flight
};
static_assert(sizeof(LeasePage) <= lease_page_bytes && std::atomic<std::uint64_t>::is_always_lock_free);

enum LeaseBit : std::uint64_t {
  lease_granted = 1ull << 32,
  lease_asked_back = 1ull << 33,
  lease_aside = 1ull << 34,  // what is in flight waits for its host
};

// The worker's side. begin(), end(), want(), step_aside() and come_back() may be called on any thread; the rest by the
// dispatcher's.
class LeaseHolder {
 public:
  // REQUIRES: the page is lease_page_bytes long, and outlives this object, as does `kick_fd`, the session's eventfd.
  LeaseHolder(std::span<std::byte> page, int kick_fd);

  bool held() const;
  bool asked_back() const;
  std::uint32_t in_flight() const;
  // Of the lease that is held.
  LeaseTerms terms() const;
  std::uint32_t number() const { return page_->number.load(std::memory_order_relaxed); }

  // One more command is about to be submitted. False: not without a lease.
  bool begin();
  // As many commands have ended, or were not accepted after all. True: with it the lease was given back.
  bool end(bool wants_more);

  // Gives the lease back as soon as nothing is in flight, at once if nothing is. True: it is given back.
  bool give_back(bool wants_more);
  void want();

  // Gives the lease back with commands in flight. Nothing begins until it has come back.
  void step_aside();
  // Under the lease that is held. False: none is.
  bool come_back();
  bool aside() const;

  // Waits on this for a grant: read it, look at held(), then sleep while it is unchanged.
  wire::FutexWord& changed() { return page_->changed; }
  // Nanoseconds since nothing has been in flight; 0: something is, or no lease is held.
  Nanoseconds idle_for(Nanoseconds now) const;

  // While no daemon lives: the worker gives itself a lease. Not to be called while one is held.
  void grant_oneself(const LeaseTerms& terms);
  std::uint32_t cap_milli() const { return page_->cap_milli.load(std::memory_order_relaxed); }

 private:
  bool end_lease(bool wants_more);
  void kick() const;
  void note_idle(bool idle);

  LeasePage* page_;
  int kick_fd_;
};

// The daemon's side. By one thread at a time.
class LeaseGrantor {
 public:
  LeaseGrantor() = default;
  // REQUIRES: as above.
  explicit LeaseGrantor(std::span<std::byte> page) : page_(reinterpret_cast<LeasePage*>(page.data())) {}

  bool held() const;
  bool wants() const;
  void set_cap(std::uint32_t cap_milli);
  // REQUIRES: !held().
  void grant(const LeaseTerms& terms);
  // True: nothing was in flight, or the holder has stepped aside: the lease is taken back already.
  bool ask_back();
  // Under the lease that was granted last; the worker's word: see arbiter::Use.
  Nanoseconds idle_ns(Nanoseconds now) const;

 private:
  LeasePage* page_ = nullptr;
};

}  // namespace sluice
