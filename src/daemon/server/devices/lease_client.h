// LeaseClient: one binding as the lease scheduler keeps it: its pages, its evidence and its books.
//
// Not thread-safe: the scheduler's mutex guards it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "daemon/arbiter/arbiter.h"
#include "daemon/metering/books.h"
#include "daemon/metering/meter_page.h"
#include "daemon/server/devices/evidence.h"
#include "daemon/server/devices/kick_budget.h"
#include "daemon/sessions/lease.h"
#include "daemon/sessions/session_record.h"

namespace sluice::server {

struct DeviceQueue;

struct LeaseClient {
  // What a worker has used since it started: by its own reports, and by the kernel's.
  struct Reading {
    std::uint64_t measured_ns = 0;
    Nanoseconds cpu_ns = 0;
    Nanoseconds at_ns = 0;
  };

  BindingId id;
  std::uint64_t serial = 0;  // never used again, unlike `id`
  DeviceQueue* queue = nullptr;
  std::string tenant, name;  // the tenant's key, and its name for people
  LeaseGrantor page;
  const metering::MeterPage* meter = nullptr;
  int kick_fd = -1;
  std::function<void()> kick;
  MilliGpu cap;
  Evidence evidence;
  metering::Books before;         // by an earlier daemon
  Reading reading;                // the last one
  Reading charged_until;          // where its lease began, or what it used without one was charged last
  Nanoseconds asked_back_ns = 0;  // 0: it was not asked, or has obeyed
  bool asked_for_cap = false;     // alone: that keeps nobody waiting
  bool reported = false;          // as overdue
  KickBudget kicks;
  Nanoseconds muted_until_ns = 0;  // 0: its kicks are read
  bool told_something = false;     // its last kick did

  // Reads the meter and the processor clock. A clock that can no longer be read has counted all of the device for a
  // client that holds the lease.
  void read(Nanoseconds now, bool holds);
  // What was used from charged_until to reading.
  arbiter::Use used() const;
  metering::Account account(const arbiter::Why& why, Nanoseconds now) const;
  // What the worker used before is its start, and not this session's. What it used after `account`, while no daemon
  // lived, is charged now.
  void begin_books(const Evidence& of_worker, const std::optional<metering::Account>& account, Nanoseconds now);
};

}  // namespace sluice::server
