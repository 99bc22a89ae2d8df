// LeaseScheduler: gives the devices' leases to bindings, as the arbiter decides (daemon/arbiter/arbiter.h).
//
// On a thread of its own, which does nothing else: a turn's end is answered within microseconds, whatever the daemon's
// main thread is doing. It sleeps until a worker kicks it or the arbiter wants to be asked again; a device with one
// busy session wakes it never.
//
// It also keeps the sessions' books (metering/books.h): each lease is charged by its evidence, which is read when a
// lease begins and ends, when somebody else wants the device, and when the main thread asks for the books.
//
// A worker that kicks without end is not listened to for a moment each time (kick_budget.h).
//
// All public methods are the main thread's. A mutex guards what the two share; it is held for microseconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/arbiter/arbiter.h"
#include "daemon/metering/books.h"
#include "daemon/metering/meter_page.h"
#include "daemon/server/devices/lease_client.h"
#include "daemon/server/runtime/signal.h"

namespace sluice::server {

// A binding whose worker did not give its lease back although it was asked to.
struct Overdue {
  BindingId binding;
  Nanoseconds waited_ns = 0;
};

// One device: who waits for it, and who is about to give it back.
struct DeviceQueue {
  explicit DeviceQueue(const arbiter::Settings& settings) : arbiter(settings) {}
  arbiter::Arbiter arbiter;
  std::map<std::string, arbiter::TenantId> tenants;    // by their keys
  std::map<arbiter::SessionId, LeaseClient*> clients;  // a session has one binding here
  std::vector<LeaseClient*> kicked, draining;
  Nanoseconds again_ns = arbiter::unlimited_ns;
};

class LeaseScheduler {
 public:
  struct Settings {
    arbiter::Settings arbiter;
    Nanoseconds overdue_ns = 30 * ns_per_s;
  };
  struct Opening {
    BindingId binding;   // REQUIRES: not open
    std::string tenant;  // the same for all sessions of one tenant, and no other's
    std::string name;    // the tenant's, for people
    arbiter::ComputeTerms terms;
    // Their pages and the descriptor stay until close().
    LeaseGrantor lease;
    int kick_fd = -1;
    const metering::MeterPage* meter = nullptr;
    // Called at each kick, on the scheduler's thread: what else the worker may want.
    std::function<void()> kicked;
    Evidence evidence;
    std::optional<metering::Account> before;  // of a session that an earlier daemon kept the books of
  };

  // take_overdue() has something to say. Open once start() has returned.
  ThreadSignal overdue;

  explicit LeaseScheduler(Settings settings) : settings_(settings) {}
  // Stops the thread.
  ~LeaseScheduler();
  LeaseScheduler(const LeaseScheduler&) = delete;
  LeaseScheduler& operator=(const LeaseScheduler&) = delete;

  // Starts the thread.
  Status start();

  // A session of an earlier daemon may hold a lease; it is asked back before anybody else gets one.
  Status open(const Opening& opening);
  // What it was charged in all, up to now: also for a lease that it still held, and for what was in flight. Zeroes: it
  // is not here.
  metering::Account close(const BindingId& binding);
  // close(from), for a session that goes on as `to`: its tenant stands no better at that device than it did at the
  // other (arbiter::Standing). REQUIRES: both are open, on two devices.
  metering::Account hand_over(const BindingId& from, const BindingId& to);
  // Brings the session's books up to now.
  metering::Account settle_books(const BindingId& binding);
  // Of all bindings of the tenant's sessions, at once.
  void set_terms(const std::string& tenant, const arbiter::ComputeTerms& terms);

  std::optional<arbiter::Why> why(const BindingId& binding) const;
  std::vector<Overdue> take_overdue();

 private:
  struct Held {  // for the log: how often a tenant was held back by its cap since the last line
    Nanoseconds said_ns = 0;
    std::uint64_t times = 0;
  };

  void run();
  void wake_thread() const;
  void settle(DeviceQueue& queue, Nanoseconds now);
  void read_requests(DeviceQueue& queue, Nanoseconds now);
  bool carry_out(DeviceQueue& queue, Nanoseconds now);
  void observe_holder(DeviceQueue& queue, Nanoseconds now);
  void ask_back(LeaseClient& client, Nanoseconds now);
  static void charge_without_lease(LeaseClient& client, Nanoseconds now);
  void bring_up_to(LeaseClient& client, Nanoseconds now);
  Nanoseconds take_kicks(std::span<const std::uint64_t> kicked, Nanoseconds now);
  void mute(LeaseClient& client, bool muted, Nanoseconds now);
  Nanoseconds unmute(Nanoseconds now);
  static void grant(LeaseClient& client, const LeaseTerms& terms, Nanoseconds now);
  LeaseClient* find(const BindingId& id) const;
  void enter(DeviceQueue& queue, LeaseClient& client, const Opening& opening, Nanoseconds now);
  metering::Account remove(LeaseClient& client, Nanoseconds now);
  bool drained(DeviceQueue& queue);
  void check_overdue(LeaseClient& client, Nanoseconds now);
  void note_cap(const LeaseClient& client, const arbiter::Why& why, Nanoseconds now);
  arbiter::TenantId tenant_of(DeviceQueue& queue, const std::string& tenant);
  void forget_tenants(DeviceQueue& queue);

  Settings settings_;
  UniqueFd poll_, stop_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;                                                   // guards what follows
  std::map<std::uint32_t, std::unique_ptr<DeviceQueue>> queues_;               // by device
  std::unordered_map<std::uint64_t, std::unique_ptr<LeaseClient>> by_serial_;  // all clients
  std::uint64_t next_serial_ = 1;                                              // 0 is no client's
  std::map<std::string, Held> held_;
  arbiter::TenantId next_tenant_ = 1;
  std::vector<Overdue> overdue_;
  std::size_t muted_ = 0;  // clients whose kicks are not read
};

}  // namespace sluice::server
