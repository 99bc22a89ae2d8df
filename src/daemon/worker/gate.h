// Gate: may the next command go to the device now?
//
// A command goes only under the session's lease. By their estimated durations, the commands in flight together take no
// longer than the lease's window, and no command starts beyond its budget. A command that is longer goes alone. The
// scheduler holds what the gate does not admit, and tries it again.
//
// While no daemon lives, the worker gives itself leases, within the cap that it had last.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "daemon/metering/meter_page.h"
#include "daemon/sessions/lease.h"
#include "daemon/worker/duration_estimator.h"

namespace sluice::worker {

class Gate {
 public:
  // All outlive the gate. `wake`: ends the command thread's wait; called on any thread.
  Gate(LeaseHolder& lease, const metering::MeterPage& meter, std::function<void()> wake)
      : lease_(lease), meter_(meter), wake_(std::move(wake)) {}

  DurationEstimator& durations() { return durations_; }

  // ---- on the command thread ----
  // True: the command counts as in flight from now on, until ended() is called for it.
  bool admit(Nanoseconds estimate_ns);
  // Says whether commands wait for the gate, and wants a lease if there is none. After set_waiting(true) they must be
  // tried once more: a command that ended just before did not wake the command thread.
  void set_waiting(bool waiting);
  // Launches longer than this are to be cut; 0: none, or no lease is held.
  Nanoseconds piece_ns();
  // The commands in flight take no longer together from now on than they must: a session that is about to move stops
  // soon. True: they do already. UINT64_MAX: no such bound.
  bool bound_in_flight(Nanoseconds pending_ns_max);
  // To be called before the command thread sleeps. Gives back a lease that was idle for too long; returns when to look
  // again at the latest.
  Nanoseconds rest(Nanoseconds now);
  // The device has work for longer than it takes to wake a thread.
  bool keeps_busy() const { return pending_ns() > 100 * ns_per_us; }
  // What to sleep on beside the ring: changes when a lease is granted.
  wire::FutexWord& changed() { return lease_.changed(); }

  // ---- on a thread of the driver's ----
  // The driver compiles now: a launch in flight found that its kernel is to be compiled first, or that it must wait for
  // a compiler. The device is free until end_launch_compile(). No other command goes meanwhile.
  void begin_launch_compile();
  // Waits for all launches that compile, and then for a lease.
  void end_launch_compile();

  // ---- on any thread ----
  // The device is done with a command that was admitted, or did not take it.
  void ended(Nanoseconds estimate_ns);
  // The daemon is gone, or there is one again, whose terms page lies where the one before did.
  void set_daemon(bool lives);
  // The worker compiles for no command in flight: an idle lease is given back meanwhile, so that the processor time is
  // not taken for device time.
  void begin_compile();
  void end_compile() { compiles_.fetch_sub(1, std::memory_order_seq_cst); }
  // Commands wait for their turn.
  bool keeps_waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  bool fits(Nanoseconds estimate_ns);
  Nanoseconds pending_ns() const;
  bool within_lease(Nanoseconds pending_ns, std::uint32_t in_flight);
  void take_up_lease();
  bool lease_oneself(Nanoseconds now);
  void wait_for_grant(std::uint32_t changed, std::uint32_t own_changed);

  LeaseHolder& lease_;
  const metering::MeterPage& meter_;
  std::function<void()> wake_;
  DurationEstimator durations_;

  // The command thread's.
  std::uint32_t lease_number_ = 0;
  LeaseTerms terms_;
  Nanoseconds used_before_ns_ = 0;  // meter_.device_ns when the lease was taken up
  Nanoseconds own_lease_ns_ = 0;    // while no daemon lives: when the lease began, and the next one may
  Nanoseconds next_own_lease_ns_ = 0;

  // The sum of all estimates, of what was admitted and of what has ended.
  std::atomic<Nanoseconds> admitted_ns_{0}, ended_ns_{0};
  std::atomic<Nanoseconds> pending_ns_max_{UINT64_MAX};
  std::atomic<bool> waiting_{false};
  wire::FutexWord launch_compiles_{0};      // between begin_launch_compile() and end_launch_compile()
  std::atomic<std::uint32_t> resuming_{0};  // threads in end_launch_compile() that want a lease
  std::atomic<std::uint32_t> compiles_{0};  // between begin_compile() and end_compile()
  std::atomic<bool> daemon_lives_{true};
  std::mutex own_leases_;  // held where daemon_lives_ changes, and while it must not
};

}  // namespace sluice::worker
