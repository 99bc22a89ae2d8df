// What the arbiter costs a program that is alone on its device: each command's way through the gate and back, with
// others in flight and with none. Prints a JSON object, in nanoseconds. No daemon, no device.
#include "daemon/worker/gate.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "base/unique_fd.h"

namespace {

using namespace sluice;

constexpr int commands = 1'000'000, rounds = 5;
constexpr Nanoseconds length_ns = 20 * ns_per_us;

// The best of several rounds, a command. Fails if the gate turns one away.
double command_ns(worker::Gate& gate, int depth) {
  Nanoseconds best_ns = UINT64_MAX;
  for (int round = 0; round < rounds; ++round) {
    const Nanoseconds begun_ns = now_ns();
    for (int i = 0; i < commands; i += depth) {
      for (int k = 0; k < depth; ++k)
        if (!gate.admit(length_ns)) return -1;
      for (int k = 0; k < depth; ++k) gate.ended(length_ns);
    }
    best_ns = std::min(best_ns, now_ns() - begun_ns);
  }
  return static_cast<double>(best_ns) / commands;
}

}  // namespace

int main() {
  static TermsPage terms{};
  static ReportPage report{};
  const UniqueFd kick(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  LeaseHolder lease(terms, report, kick.get());
  worker::Gate gate(lease, report.meter, [] {});
  LeaseGrantor(terms, report).grant({});
  const double alone_ns = command_ns(gate, 1), deep_ns = command_ns(gate, 16);
  std::printf("{\"one_ns\": %.1f, \"deep_ns\": %.1f}\n", alone_ns, deep_ns);
  return alone_ns < 0 || deep_ns < 0 ? 1 : 0;
}
