// LeaseScheduler: gives the devices' leases to sessions, as the arbiter decides (daemon/arbiter/arbiter.h).
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
#include "daemon/server/devices/evidence.h"
#include "daemon/server/devices/kick_budget.h"
#include "daemon/sessions/lease.h"

namespace sluice::server {

// A session whose worker did not give its lease back although it was asked to.
struct Overdue {
  std::uint64_t session_id = 0;
  Nanoseconds waited_ns = 0;
};

class LeaseScheduler {
 public:
  struct Settings {
    arbiter::Settings arbiter;
    Nanoseconds overdue_ns = 30 * ns_per_s;
  };
  struct Opening {
    std::uint64_t session_id = 0;
    std::uint32_t device = 0;
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
  metering::Account close(std::uint64_t session_id);
  // Brings the session's books up to now.
  metering::Account settle_books(std::uint64_t session_id);
  // Of all of the tenant's sessions, at once.
  void set_terms(const std::string& tenant, const arbiter::ComputeTerms& terms);

  std::optional<arbiter::Why> why(std::uint64_t session_id) const;
  // Readable when take_overdue() has something to say.
  int overdue_fd() const { return overdue_fd_.get(); }
  std::vector<Overdue> take_overdue();

 private:
  struct Device;
  // What a worker has used since it started: by its own reports, and by the kernel's.
  struct Reading {
    std::uint64_t measured_ns = 0;
    Nanoseconds cpu_ns = 0;
    Nanoseconds at_ns = 0;
  };
  struct Session {
    std::uint64_t id = 0;
    Device* device = nullptr;
    std::string tenant, name;
    LeaseGrantor page;
    const metering::MeterPage* meter = nullptr;
    int kick_fd = -1;
    std::function<void()> kick;
    MilliGpu cap;
    Evidence evidence;
    metering::Books before;
    Reading reading;                // the last one
    Reading charged_until;          // where its lease began, or what it used without one was charged last
    Nanoseconds asked_back_ns = 0;  // 0: it was not asked, or has obeyed
    bool asked_for_cap = false;     // alone: that keeps nobody waiting
    bool reported = false;
    KickBudget kicks;
    Nanoseconds muted_until_ns = 0;  // 0: its kicks are read
    bool told_something = false;     // its last kick did
  };
  struct Device {
    explicit Device(const arbiter::Settings& settings) : arbiter(settings) {}
    arbiter::Arbiter arbiter;
    std::map<std::string, arbiter::TenantId> tenants;
    std::vector<Session*> kicked, draining;
    Nanoseconds again_ns = arbiter::unlimited_ns;
  };
  struct Held {  // for the log: how often a tenant was held back by its cap since the last line
    Nanoseconds said_ns = 0;
    std::uint64_t times = 0;
  };

  void run();
  void wake_thread() const;
  void settle(Device& device, Nanoseconds now);
  void read_requests(Device& device, Nanoseconds now);
  bool carry_out(Device& device, Nanoseconds now);
  void observe_holder(Device& device, Nanoseconds now);
  void ask_back(Session& session, Nanoseconds now);
  static void read(Session& session, Nanoseconds now, bool holds);
  static arbiter::Use used(const Session& session);
  static void charge_without_lease(Session& session, Nanoseconds now);
  static metering::Account account(const Session& session, const arbiter::Why& why, Nanoseconds now);
  static void begin_books(Session& session, const Opening& opening, Nanoseconds now);
  void bring_up_to(Session& session, Nanoseconds now);
  Nanoseconds take_kicks(std::span<const std::uint64_t> kicked, Nanoseconds now);
  void mute(Session& session, bool muted, Nanoseconds now);
  Nanoseconds unmute(Nanoseconds now);
  static void grant(Session& session, const arbiter::Lease& lease, Nanoseconds now);
  bool drained(Device& device);
  void check_overdue(Session& session, Nanoseconds now);
  void note_cap(const Session& session, const arbiter::Why& why, Nanoseconds now);
  arbiter::TenantId tenant_of(Device& device, const std::string& tenant);
  void forget_tenants(Device& device);

  Settings settings_;
  UniqueFd poll_, stop_, overdue_fd_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::uint32_t, std::unique_ptr<Device>> devices_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::map<std::string, Held> held_;
  arbiter::TenantId next_tenant_ = 1;
  std::vector<Overdue> overdue_;
  std::size_t muted_ = 0;  // sessions whose kicks are not read
};

}  // namespace sluice::server
