#include "daemon/metering/charge.h"

#include <algorithm>

namespace sluice::metering {
namespace {

// Measured with kernels of 200 us on two cores (a driver for CPUs): from the grant to the first kernel, and from the
// last one to the lease's return, 40 us at least; between two kernels 3 % of their length where the program enqueues
// ahead, 14 % where it waits for each (natively 10 %), and up to 20 % where other programs wake up beside it. And the
// driver's processor time between them, 2 %.
constexpr Nanoseconds hand_over_ns_max = 40 * ns_per_us;
constexpr Nanoseconds hand_over_part = 3, gaps_part = 10, driver_part = 16;

Nanoseconds less(Nanoseconds from, Nanoseconds what) { return from - std::min(from, what); }

// Of a program that waits for each kernel: its kernels take most of the time, and processor time shows that they used
// nearly all units as long. One that computes on one thread all the time cannot pass for it, whatever it reports; one
// that computes on all of them in the gaps pays for that as build.
Nanoseconds idle_between_kernels_ns(const Stretch& stretch, Nanoseconds told_ns) {
  const bool mostly = told_ns >= stretch.held_ns - stretch.held_ns / 4;
  const bool on_all_units = stretch.floor_ns >= told_ns - told_ns / 10;
  return mostly && on_all_units ? told_ns / gaps_part : 0;
}

Nanoseconds charged_while_waited_for(const Stretch& stretch, Nanoseconds told_ns, Proof proof) {
  Nanoseconds off_ns = allowance_ns(told_ns);
  if (proof == Proof::processor_time) off_ns += idle_between_kernels_ns(stretch, told_ns);
  return std::max(told_ns, less(stretch.held_ns, off_ns));
}

Nanoseconds charged_alone(const Stretch& stretch, Nanoseconds told_ns) {
  const Nanoseconds proved_ns = less(stretch.floor_ns, told_ns / driver_part);
  return std::max(told_ns, std::min(proved_ns, stretch.held_ns));
}

}  // namespace

Nanoseconds allowance_ns(Nanoseconds told_ns) {
  return std::min(hand_over_ns_max, told_ns / hand_over_part) + told_ns / gaps_part;
}

Charge charge(const Stretch& stretch, Proof proof) {
  const Nanoseconds told_ns = std::min(stretch.measured_ns, stretch.held_ns);
  if (proof == Proof::none) return {told_ns, 0};
  if (stretch.waited_for) {
    const Nanoseconds charged_ns = charged_while_waited_for(stretch, told_ns, proof);
    return {charged_ns, proof == Proof::processor_time ? less(stretch.floor_ns, charged_ns) : 0};
  }
  if (proof == Proof::held_time) return {stretch.held_ns, 0};
  const Nanoseconds charged_ns = charged_alone(stretch, told_ns);
  return {charged_ns, less(stretch.floor_ns, charged_ns)};
}

Nanoseconds build_ns(Nanoseconds measured_ns, Nanoseconds floor_ns, Nanoseconds passed_ns) {
  return std::max(std::min(measured_ns, passed_ns), floor_ns);
}

}  // namespace sluice::metering
