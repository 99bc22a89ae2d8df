#include "daemon/backends/opencl/clock.h"

#include <algorithm>
#include <array>

namespace sluice::backend::opencl {
namespace {

constexpr int rounds = 5;
constexpr Nanoseconds drift_reading_ns = ns_per_s;
// CLOCK_MONOTONIC_RAW first: shortly after boot it may still be within a bracket's width of CLOCK_MONOTONIC.
constexpr std::array<clockid_t, 4> host_clocks{CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
using Readings = std::array<Nanoseconds, host_clocks.size()>;

Nanoseconds read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<Nanoseconds>(now.tv_sec) * ns_per_s + static_cast<Nanoseconds>(now.tv_nsec);
}

Readings read_all() {
  Readings readings{};
  std::transform(host_clocks.begin(), host_clocks.end(), readings.begin(), read_clock);
  return readings;
}

// A marker with the host's clocks read around it.
struct Bracket {
  Readings before{}, after{};
  Nanoseconds mono_before = 0, mono_after = 0;
  cl_ulong queued = 0, ended = 0;
  bool ok = false;
};

Bracket bracket_marker(cl_command_queue queue) {
  Bracket bracket;
  bracket.mono_before = now_ns();
  bracket.before = read_all();
  cl_event event = nullptr;
  if (clEnqueueMarkerWithWaitList(queue, 0, nullptr, &event) != CL_SUCCESS) return bracket;
  const EventHandle owner(event);
  if (clWaitForEvents(1, &event) != CL_SUCCESS) return bracket;
  bracket.after = read_all();
  bracket.mono_after = now_ns();
  const auto ask = asking(clGetEventProfilingInfo, event);
  bracket.queued = value_of<cl_ulong>(ask, CL_PROFILING_COMMAND_QUEUED);
  bracket.ended = value_of<cl_ulong>(ask, CL_PROFILING_COMMAND_END);
  bracket.ok = bracket.queued != 0 && bracket.ended != 0;
  return bracket;
}

std::int64_t middle_distance(const Bracket& b) {
  return static_cast<std::int64_t>(b.mono_before / 2 + b.mono_after / 2) -
         static_cast<std::int64_t>(b.queued / 2 + b.ended / 2);
}

}  // namespace

void DeviceClock::measure(cl_command_queue queue) {
  std::array<bool, host_clocks.size()> fits{};
  fits.fill(true);
  Nanoseconds narrowest = UINT64_MAX;
  for (int round = 0; round < rounds; ++round) {
    const Bracket b = bracket_marker(queue);
    if (!b.ok) {
      has_times_ = false;
      needs_host_times_.store(true, std::memory_order_relaxed);
      return;
    }
    for (std::size_t i = 0; i < fits.size(); ++i) fits[i] = fits[i] && b.queued >= b.before[i] && b.ended <= b.after[i];
    if (const Nanoseconds width = b.mono_after - b.mono_before; width < narrowest) {
      narrowest = width;
      offset_ns_.store(middle_distance(b), std::memory_order_relaxed);
    }
  }
  const auto found = std::find(fits.begin(), fits.end(), true);
  if (found != fits.end()) host_clock_ = host_clocks[static_cast<std::size_t>(found - fits.begin())];
  refresh();
}

void DeviceClock::refresh() {
  if (host_clock_ < 0) return;
  const Nanoseconds before = now_ns();
  if (before - refreshed_ns_ < drift_reading_ns) return;
  const Nanoseconds theirs = read_clock(host_clock_);
  const Nanoseconds after = now_ns();
  refreshed_ns_ = before;
  offset_ns_.store(static_cast<std::int64_t>(before / 2 + after / 2 - theirs), std::memory_order_relaxed);
}

wire::CommandTimes DeviceClock::times_of(cl_event event, bool want_submit, Nanoseconds submitted_ns) const {
  const auto offset = static_cast<Nanoseconds>(offset_ns_.load(std::memory_order_relaxed));
  const auto read = [&](cl_profiling_info what, Nanoseconds& time) {
    cl_ulong theirs = 0;
    if (!has_times_ || clGetEventProfilingInfo(event, what, sizeof theirs, &theirs, nullptr) != CL_SUCCESS ||
        theirs == 0)
      return false;
    time = theirs + offset;
    return true;
  };
  wire::CommandTimes times;
  if (!read(CL_PROFILING_COMMAND_START, times.started_ns) || !read(CL_PROFILING_COMMAND_END, times.ended_ns)) {
    needs_host_times_.store(true, std::memory_order_relaxed);
    times.ended_ns = now_ns();
    times.started_ns = submitted_ns != 0 ? submitted_ns : times.ended_ns;
  }
  if (!want_submit || !read(CL_PROFILING_COMMAND_SUBMIT, times.submitted_ns))
    times.submitted_ns = submitted_ns != 0 ? submitted_ns : times.started_ns;
  // The order that the standard promises, whatever a driver's clock does.
  times.started_ns = std::max(times.started_ns, times.submitted_ns);
  times.ended_ns = std::max(times.ended_ns, times.started_ns);
  return times;
}

}  // namespace sluice::backend::opencl
