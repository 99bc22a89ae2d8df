// What the arbiter keeps of each tenant and of each of its sessions. For arbiter.cpp alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "daemon/arbiter/arbiter.h"
#include "daemon/arbiter/bucket.h"
#include "daemon/arbiter/terms.h"
#include "daemon/metering/charge.h"

namespace sluice::arbiter {

inline bool is_capped(const ComputeTerms& terms) { return terms.cap < whole_gpu; }

struct Arbiter::Tenant {
  Tenant(const ComputeTerms& its_terms, const Settings& settings, Nanoseconds now)
      : terms(its_terms),
        cap(its_terms.cap, settings.cap_period_ns, now),
        guarantee(std::max(its_terms.guarantee, settings.floor_guarantee), settings.guarantee_depth_ns, now,
                  settings.overdue_depths + 1) {}

  ComputeTerms terms;
  Bucket cap, guarantee;
  std::uint64_t tag = 0;
  Nanoseconds left_ns = 0;  // when it last had nothing more to run
  bool competes = false;    // had something to run when the arbiter last looked, and its cap let it

  // When its cap lets it run.
  Nanoseconds cap_ready_ns(const Settings& settings) const;
  // The lower the sooner.
  int rank(const Settings& settings) const;
  void come_back(const Settings& settings, Nanoseconds now);
  void set_terms(const ComputeTerms& changed, const Settings& settings, Nanoseconds now);
  // Against its cap, its guarantee and its share. `shared_turn_ns`: what the lease cost so far if others waited in it.
  void charge(Nanoseconds used_ns, Nanoseconds shared_turn_ns, const Settings& settings, Nanoseconds now);
  // The same, but not against its cap.
  void charge_turn(Nanoseconds used_ns, Nanoseconds shared_turn_ns, const Settings& settings, Nanoseconds now);
};

struct Arbiter::Contender {
  SessionId id = 0;
  Tenant* tenant = nullptr;
  bool waiting = false;
  Nanoseconds since_ns = 0;         // waiting, or holding
  Nanoseconds capped_until_ns = 0;  // of this wait, what its cap is to blame for
  bool comes_back = true;           // when it was idle last, it was so for less than the linger time
  bool left_idle = false;           // its last lease ended because it was idle,
  Nanoseconds lingered_ns = 0;      // after so long
  std::uint64_t leases = 0, asked_back = 0;
  Nanoseconds leased_ns = 0, waited_ns = 0, capped_ns = 0, charged_ns = 0, build_ns = 0;
  Nanoseconds beyond_waited_ns = 0, beyond_floor_ns = 0;
  metering::Proof proof = metering::Proof::processor_time;

  // Of this wait, up to now, what its cap is to blame for.
  Nanoseconds capped_now_ns(Nanoseconds now) const { return std::clamp(capped_until_ns, since_ns, now) - since_ns; }
  // Does it go before `other`? Where neither does, the one that has waited longer goes first.
  bool goes_before(const Contender& other, const Settings& settings) const;
  // Its sums, and since when it is in its state.
  Why sums(const Settings& settings, Nanoseconds now) const;
};

}  // namespace sluice::arbiter
