// ReportPage: what one session's worker says. Written by the worker, so by its tenant's kernels too.
//
// One page per session, owned by the daemon, seen by no program and no other worker. Everything here is a measurement
// or a request: the daemon bounds what it reads here by what it granted and by its own clock, and no value here can
// stop, crash or mislead it about another session.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "daemon/metering/meter_page.h"

namespace sluice {

inline constexpr std::size_t report_page_bytes = 4096;

enum LeaseReportBit : std::uint64_t {
  lease_in_flight_mask = (1ull << 30) - 1,  // commands that were submitted and have not ended
  lease_closing = 1ull << 30,               // the worker gives the lease back when nothing is in flight
  lease_compiling = 1ull << 31,             // the driver compiles what is in flight, and nothing of it is on the device
};

struct ReportPage {
  metering::MeterPage meter;  // memory_bytes is what the session holds against its grant

  // The number of the last lease that was given back in the upper half, LeaseReportBit below.
  alignas(64) std::atomic<std::uint64_t> lease;
  std::atomic<std::uint32_t> lease_wish;      // the number of the lease that is wanted; 0: none is
  std::atomic<std::uint32_t> ending_compile;  // threads that look whether they may clear lease_compiling

  alignas(64) std::atomic<Nanoseconds> idle_ns;  // leases held with nothing in flight, in all: what is over
  std::atomic<Nanoseconds> idle_since_ns;        // and since when it is so now; 0: something is in flight

  alignas(64) std::atomic<std::uint64_t> memory_wish;  // odd: asks for memory_wanted_bytes; counts up
  std::atomic<std::uint64_t> memory_wanted_bytes;      // to hold in all
  std::atomic<std::uint32_t> epoch;                    // of the terms page that the worker has mapped
  std::uint32_t zero;
};
static_assert(sizeof(ReportPage) == 320 && sizeof(ReportPage) <= report_page_bytes);
static_assert(offsetof(ReportPage, meter) == 0 && offsetof(ReportPage, lease) == 128);
static_assert(offsetof(ReportPage, idle_ns) == 192 && offsetof(ReportPage, memory_wish) == 256);

}  // namespace sluice
