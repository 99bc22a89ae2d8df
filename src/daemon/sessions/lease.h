// Lease: one session's right to run on its device, between its worker and the daemon.
//
// Two words decide it, and each side writes one: the daemon's says which lease is granted and whether it is asked back
// (TermsPage::grant), the worker's says how many commands it has submitted that have not ended, and which lease it gave
// back last (ReportPage::lease). A worker that holds the lease says nothing to anybody: it counts in its own word, and
// looks at the daemon's. The daemon asks for the lease in its word, and looks at the worker's: with nothing in flight
// there it takes the lease at once. All four are sequentially consistent, so that one of two always sees the other:
// either the command that begins finds the lease asked back, and does not begin, or the daemon finds it in flight, and
// waits (Dekker's argument). From then on the thread of the worker that sees the count reach zero gives the lease back.
//
// A command in flight may turn out to need the host before it needs the device: its kernel is compiled first. Then the
// worker gives the lease back with its commands still counted, compiles, and goes on under the next lease.
//
//   worker -> daemon   wants a lease, or has given it back: written in the report, then the session's eventfd ("kick")
//   daemon -> worker   granted: written in the terms, then a futex wake on `changed`
//
// While no daemon lives the worker grants itself leases, in memory of its own. A daemon that takes the session over
// opens with a lease that is asked back already: the worker returns it when nothing of its own leases is in flight.
//
// The worker's word is its own session's alone: what the daemon takes from there is checked against its own clock.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "daemon/arbiter/lease_terms.h"
#include "daemon/sessions/report_page.h"
#include "daemon/sessions/terms_page.h"
#include "wire/transport/futex.h"

namespace sluice {

// The worker's side. begin(), end(), want(), begin_compile() and end_compile() may be called on any thread;
// follow_daemon() by the control thread, never at the same time as grant_oneself(); the rest by the command thread's.
class LeaseHolder {
 public:
  // REQUIRES: all three outlive this object; `kick_fd` is the session's eventfd. Nothing in `terms` is written.
  LeaseHolder(TermsPage& terms, ReportPage& report, int kick_fd);
  LeaseHolder(const LeaseHolder&) = delete;
  LeaseHolder& operator=(const LeaseHolder&) = delete;

  bool held() const;
  bool asked_back() const;
  std::uint32_t in_flight() const;
  // Of the lease that is held.
  LeaseTerms terms() const;
  std::uint32_t number() const;

  // One more command is about to be submitted. False: not without a lease.
  bool begin();
  // A command has ended, or was not accepted after all. True: with it the lease was given back.
  bool end(bool wants_more);

  // Gives the lease back as soon as nothing is in flight, at once if nothing is. True: it is given back.
  bool give_back(bool wants_more);
  void want();

  // The driver compiles what is in flight: gives the lease back all the same. Nothing begins until end_compile().
  void begin_compile();
  // Goes on under the lease that is held. False: none is, or it is asked back already.
  bool end_compile();
  bool compiling() const;

  // Waits on this for a grant: read it, look at held(), then sleep while it is unchanged. Two words, because only the
  // daemon can write its own: one for its grants, one for those of grant_oneself(). follow_daemon() puts another page
  // behind the first, so a sleep on it needs a deadline, or somebody else who ends it.
  wire::FutexWord& changed() { return terms_.changed; }
  wire::FutexWord& own_changed() { return own_changed_; }
  // Nanoseconds since nothing has been in flight; 0: something is, or no lease is held.
  Nanoseconds idle_for(Nanoseconds now) const;

  // While no daemon lives: the worker gives itself a lease. REQUIRES: !held().
  void grant_oneself(const LeaseTerms& terms);
  // There is a new daemon, and its page lies where the old one's did: its leases count from now on.
  void follow_daemon(bool wants_more);
  std::uint32_t cap_milli() const { return terms_.cap_milli.load(std::memory_order_relaxed); }

 private:
  const LeaseGrant& grant() const { return *grant_.load(std::memory_order_seq_cst); }
  void undo_begin();
  bool return_lease(bool wants_more);
  bool try_return();
  bool try_end_compile();
  void return_unused();
  bool wish_for_next();
  void kick() const;
  void note_idle(bool idle);

  TermsPage& terms_;
  ReportPage& report_;
  int kick_fd_;
  LeaseGrant own_{};
  wire::FutexWord own_changed_{0};
  std::uint32_t own_number_ = 0;
  std::atomic<const LeaseGrant*> grant_;  // the daemon's, or own_
};

// The daemon's side. By one thread at a time.
class LeaseGrantor {
 public:
  LeaseGrantor() = default;
  // Of a session's first pages. REQUIRES: both outlive this object and its copies, of which one is used.
  LeaseGrantor(TermsPage& terms, const ReportPage& report) : terms_(&terms), report_(&report) {}
  // Of a session that an earlier daemon gave `before`: goes on from there, with a lease that is granted and asked back,
  // so that held() is true until the worker has mapped `terms` and has nothing in flight.
  static LeaseGrantor take_over(TermsPage& terms, const ReportPage& report, const TermsPage& before);

  bool held() const;
  bool wants() const;
  void set_cap(std::uint32_t cap_milli);
  // REQUIRES: !held().
  void grant(const LeaseTerms& terms);
  // True: nothing was in flight, or the holder compiles: the lease is taken back already. False: it was given
  // back before, or the worker will return it, and kick.
  bool ask_back();
  // Under the lease that was granted last; the worker's word, but no more than the time since: see arbiter::Use.
  Nanoseconds idle_ns(Nanoseconds now) const;

 private:
  void publish(std::uint64_t bits);

  TermsPage* terms_ = nullptr;
  const ReportPage* report_ = nullptr;
  std::uint32_t number_ = 0;
  bool granted_ = false, asked_back_ = false;
  Nanoseconds granted_ns_ = 0, idle_before_ns_ = 0;
};

}  // namespace sluice
