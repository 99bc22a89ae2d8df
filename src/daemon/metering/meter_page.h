// MeterPage: what one session has used. The daemon owns the memory, the session's worker adds to it, the program
// never sees it.
//
// All counters only grow while a session lives, except memory_bytes. Written by the worker's threads with relaxed
// atomics, read by the daemon at any moment; each counter is whole on its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice::metering {

struct alignas(64) MeterPage {
  std::atomic<std::uint64_t> device_ns;     // sum of (ended - started) of every command, by the device's timestamps
  std::atomic<std::uint64_t> launches;      // kernel launches that ended
  std::atomic<std::uint64_t> commands;      // all enqueued commands that ended
  std::atomic<std::uint64_t> bytes_in;      // host to device, moved by the worker
  std::atomic<std::uint64_t> bytes_out;     // device to host, moved by the worker
  std::atomic<std::uint64_t> memory_bytes;  // allocated now
  std::atomic<std::uint64_t> memory_peak_bytes;
  std::atomic<std::uint64_t> failures;        // commands that ended with an error
  std::atomic<std::uint64_t> last_active_ns;  // CLOCK_MONOTONIC of the last completion
  std::atomic<std::uint64_t> host_bytes_in;   // copied by the program itself, as its shim reports; not proof
  std::atomic<std::uint64_t> host_bytes_out;
  std::uint64_t zero[5];
};
static_assert(sizeof(MeterPage) == 128 && offsetof(MeterPage, memory_bytes) == 40);

inline constexpr std::size_t meter_bytes = 4096;

}  // namespace sluice::metering
