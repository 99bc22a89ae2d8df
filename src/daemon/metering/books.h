// Books: what one session has used of its device and pays for, in all. Each only grows.
#pragma once

#include "base/clock.h"

namespace sluice::metering {

struct Books {
  Nanoseconds measured_ns = 0;  // as its worker reports it
  Nanoseconds charged_ns = 0;   // by the evidence: see charge.h
  Nanoseconds build_ns = 0;     // processor time that was no device time, by the device's units
  friend bool operator==(const Books&, const Books&) = default;
  Books& operator+=(const Books& other) {
    measured_ns += other.measured_ns;
    charged_ns += other.charged_ns;
    build_ns += other.build_ns;
    return *this;
  }
};

// Where a session's books stand, and by which readings: what a daemon must know to go on where another one ended.
struct Account {
  Books books;
  Nanoseconds cpu_ns = 0;    // the worker's processor time
  Nanoseconds noted_ns = 0;  // CLOCK_MONOTONIC
  friend bool operator==(const Account&, const Account&) = default;
};

}  // namespace sluice::metering
