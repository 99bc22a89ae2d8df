// Usage: what one session has used in all: its books, and what its workers counted.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "daemon/metering/books.h"
#include "daemon/metering/meter_page.h"

namespace sluice::metering {

// Counters are the worker's word, the books are not. Bytes count what the worker moved and what the program says it
// copied itself.
struct Usage {
  Books books;
  std::uint64_t device_ns = 0, launches = 0, commands = 0, failures = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t memory_bytes = 0, memory_peak_bytes = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};

// Of bindings that served at the same time.
inline Usage& operator+=(Usage& sum, const Usage& part) {
  sum.books += part.books;
  sum.device_ns += part.device_ns;
  sum.launches += part.launches;
  sum.commands += part.commands;
  sum.failures += part.failures;
  sum.bytes_in += part.bytes_in;
  sum.bytes_out += part.bytes_out;
  sum.memory_bytes += part.memory_bytes;
  sum.memory_peak_bytes += part.memory_peak_bytes;
  return sum;
}

// Of a session that moved: `before`, on other devices, whose memory is the same that it holds now.
inline Usage after(const Usage& before, const Usage& now) {
  Usage sum = before;
  sum += now;
  sum.memory_bytes = now.memory_bytes;
  sum.memory_peak_bytes = std::max(before.memory_peak_bytes, now.memory_peak_bytes);
  return sum;
}

// The meter page at one moment, without the books.
inline Usage read_meter(const MeterPage& meter) {
  const auto read = [](const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  Usage usage;
  usage.device_ns = read(meter.device_ns);
  usage.launches = read(meter.launches);
  usage.commands = read(meter.commands);
  usage.failures = read(meter.failures);
  usage.bytes_in = read(meter.bytes_in) + read(meter.host_bytes_in);
  usage.bytes_out = read(meter.bytes_out) + read(meter.host_bytes_out);
  usage.memory_bytes = read(meter.memory_bytes);
  usage.memory_peak_bytes = read(meter.memory_peak_bytes);
  return usage;
}

}  // namespace sluice::metering
