// Arbiter: decides who runs next on one device. A pure state machine: no I/O, no threads, and the clock is handed in,
// so that a run replays from its events.
//
// One session at a time holds the device's lease. While no other session wants it, its holder keeps it, idle or not,
// and asks nobody. Once somebody else wants it, turns are taken:
//
//   Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) over measured device time: each tenant has a start
//   tag that moves by (time used / weight), the weight is its guarantee, and the lowest tag goes next. A tenant that
//   comes back starts no earlier than those that are there: idleness earns nothing.
//
//   In front of the tags stands a rank. A tenant that has had less than its guarantee goes before one that has had it;
//   what nobody was promised goes to class latency, then standard, then best-effort. A waiter of class latency takes
//   the device from a holder of a higher rank at once; everyone else waits for the end of a turn.
//
//   A cap is a bucket that carries debt: a long command may overdraw it, and is paid for by waiting.
//
// What is charged, against shares, guarantees and caps alike, is what metering/charge.h makes of the evidence: the time
// that the lease was held by this clock, and the processor time that the worker used, against what it reports.
// Processor time without a lease is charged, too. So neither many queues nor empty commands nor a worker's lies gain
// anything. A holder that is past its cap is asked for the lease, whether or not it says so and others wait.
//
// Not thread-safe. All times are CLOCK_MONOTONIC's, and never go back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "daemon/arbiter/bucket.h"
#include "daemon/arbiter/lease_terms.h"
#include "daemon/arbiter/terms.h"
#include "daemon/metering/charge.h"

namespace sluice::arbiter {

using TenantId = std::uint32_t;
using SessionId = std::uint64_t;

inline constexpr Nanoseconds unlimited_ns = LeaseTerms::unlimited_ns;

struct Settings {
  Nanoseconds turn_ns = 5 * ns_per_ms;         // of device time, while others wait; the last command may exceed it
  Nanoseconds cap_period_ns = 20 * ns_per_ms;  // a cap's bucket holds what flows in within it
  Nanoseconds guarantee_depth_ns = 30 * ns_per_ms;
  int overdue_depths = 8;  // a guarantee that is owed by so many depths is as urgent as class latency
  // Two pieces fit a window, so that the device need not wait between them, and fill a turn.
  Nanoseconds window_alone_ns = 10 * ns_per_ms, window_shared_ns = 6'500 * ns_per_us, window_latency_ns = ns_per_ms;
  Nanoseconds piece_shared_ns = 3 * ns_per_ms, piece_latency_ns = ns_per_ms / 2;
  // A holder that is idle keeps the device for so long, if it was seen to come back sooner: to hand the device over and
  // back costs about as much (deceptive idleness: Iyer and Druschel, SOSP 2001).
  Nanoseconds linger_ns = 100 * ns_per_us;
  Nanoseconds hand_over_ns = 60 * ns_per_us;
  // One that nobody waits for gives the device back after so long, where keeping it would be charged, or its cap would
  // have to be watched.
  Nanoseconds linger_charged_ns = ns_per_ms, linger_capped_ns = 10 * ns_per_ms;
  Nanoseconds overrun_ns = ns_per_ms;  // by so much a holder may pass its cap's budget before it is asked back
  // Of a tenant that was promised nothing: its weight among equals, and what keeps it from starving.
  MilliGpu floor_weight{5}, floor_guarantee{1};
};

// The evidence about one session: since its lease was granted, or since it ended.
struct Use {
  Nanoseconds measured_ns = 0;  // by the worker's reports: the sum over its commands, by the device's timestamps
  Nanoseconds floor_ns = 0;     // metering::floor_of(its worker's processor time)
};

struct LeaseDecision {
  enum class Kind : std::uint8_t { nothing, grant, ask_back } kind = Kind::nothing;
  SessionId session = 0;
  LeaseTerms terms;                     // grant
  Nanoseconds again_ns = unlimited_ns;  // to be asked again then, if nothing happens before
  bool past_cap = false;                // ask_back: for that alone, and nobody waits
};

// For people: why a session runs, or does not.
struct Why {
  enum class State : std::uint8_t { idle, runs, waits_for_turn, held_by_cap, suspended } state = State::idle;
  Nanoseconds since_ns = 0;  // in this state, or in one of waiting
  Nanoseconds until_ns = 0;  // held_by_cap: when it may go on
  SessionId holder = 0;      // waits_for_turn: who runs
  Nanoseconds cap_debt_ns = 0;
  std::uint64_t leases = 0, asked_back = 0;
  Nanoseconds leased_ns = 0, waited_ns = 0, capped_ns = 0;  // in all; capped is part of waited
  Nanoseconds charged_ns = 0, build_ns = 0;
  // Of charged_ns, what goes beyond the worker's reports: for others waited, and by its processor time.
  Nanoseconds beyond_waited_ns = 0, beyond_floor_ns = 0;
};

// How a tenant stands at one device: what a session that moves takes along to another.
struct Standing {
  std::int64_t cap_level = 0, guarantee_level = 0;  // of its buckets (bucket.h); below zero: debt
  std::uint64_t tag_ahead = 0;                      // of the device's virtual time
};

class Arbiter {
 public:
  explicit Arbiter(const Settings& settings = {});
  ~Arbiter();
  Arbiter(const Arbiter&) = delete;
  Arbiter& operator=(const Arbiter&) = delete;

  // A tenant that is not known yet is made. REQUIRES: what ComputeTerms requires.
  void set_tenant(TenantId id, const ComputeTerms& terms, Nanoseconds now);
  // REQUIRES: it has no session.
  void remove_tenant(TenantId id);

  // REQUIRES, of both: the tenant is known.
  Standing standing(TenantId id, Nanoseconds now);
  // The tenant stands no better here than it did there: a move pays no debt. Its standing there stays as it is.
  void take_on(TenantId id, const Standing& there, Nanoseconds now);

  // REQUIRES: the tenant is known, the session is not.
  void open(SessionId id, TenantId tenant, Nanoseconds now, metering::Proof proof = metering::Proof::processor_time);
  // If it held the lease, that is over; what it used is charged as observed last. Returns how it stands at its end.
  Why close(SessionId id, Nanoseconds now);

  // The session has commands to submit and does not hold the lease. No effect if it waits already.
  void wants(SessionId id, Nanoseconds now);
  // The holder's use so far. REQUIRES: somebody holds the lease. To be called before wants() and decide().
  void observe(const Use& since_grant, Nanoseconds now);
  // The holder gave the lease back, after observe().
  void returned(bool wants_more, Nanoseconds now);

  // What the session's worker used since its last lease ended: it compiled, or no daemon lived.
  // All of it is build.
  void ran_without(SessionId id, const Use& since_lease, Nanoseconds passed_ns, Nanoseconds now);

  // To be called after anything of the above, again until it says `nothing`, and at again_ns. A grant and a request to
  // give back have happened when they are returned.
  LeaseDecision decide(Nanoseconds now);

  std::optional<SessionId> holder() const;
  // Somebody holds the lease, and another waits for it who may have it.
  bool waited_for() const { return holder_ != nullptr && stretch_.waited_for; }
  Why why(SessionId id, Nanoseconds now) const;

 private:
  struct Tenant;
  struct Contender;
  struct Choice {
    Contender* best = nullptr;
    std::size_t ready = 0;                // who could have been chosen
    std::size_t awaited = 0;              // and who could be once its cap lets it
    Nanoseconds again_ns = unlimited_ns;  // the first who is held back by a cap may go on
  };

  Choice choose(Nanoseconds now);
  bool must_give_back(const Choice& waiting, Nanoseconds now) const;
  LeaseDecision grant(const Choice& choice, Nanoseconds now);
  LeaseTerms terms_for(const Tenant& tenant, const Choice& choice, Nanoseconds now) const;
  bool wants_already(const Tenant& tenant) const;
  bool overtakes(const Tenant& next) const;
  Nanoseconds past_cap_ns(Nanoseconds now) const;
  metering::Charge charge_stretch(Nanoseconds now) const;
  Nanoseconds shared_turn_ns() const { return was_shared_ ? charged_.sum_ns() : 0; }
  void begin_stretch(bool waited_for);
  void settle_build();
  void note_beyond_reports(Nanoseconds more_ns);
  void begin_waiting(Contender& session, Nanoseconds now);
  void stop_waiting(Contender& session, Nanoseconds now);
  void end_lease(Nanoseconds now);

  Settings settings_;
  std::map<TenantId, std::unique_ptr<Tenant>> tenants_;
  std::map<SessionId, std::unique_ptr<Contender>> sessions_;
  std::vector<Contender*> waiting_;  // in the order in which they began
  std::uint64_t virtual_time_ = 0;
  std::size_t latency_sessions_ = 0;

  // The lease, while somebody holds it.
  Contender* holder_ = nullptr;
  LeaseTerms lease_;
  bool shared_ = false, asked_back_ = false;
  bool stale_ = false;      // its tenant's terms have changed since
  bool overtaken_ = false;  // the last holder was asked for the sake of class latency
  Nanoseconds granted_ns_ = 0;
  Nanoseconds observed_ns_ = 0;  // as use_ was
  Use use_;
  metering::Charge charged_;  // for the lease so far
  bool was_shared_ = false;   // others waited at some time of it
  // Its part in which the same was true of waiters, up to now.
  struct Stretch {
    bool waited_for = false;
    Nanoseconds began_ns = 0;
    Use before;               // what was used by then
    metering::Charge charge;  // and what the stretch has cost
    Nanoseconds unsettled_build_ns = 0;
  } stretch_;
};

}  // namespace sluice::arbiter
