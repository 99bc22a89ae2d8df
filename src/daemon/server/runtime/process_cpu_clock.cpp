#include "daemon/server/runtime/process_cpu_clock.h"

#include <ctime>

namespace sluice::server {

std::optional<Nanoseconds> ProcessCpuClock::cpu_ns() const {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0) return std::nullopt;
  return static_cast<Nanoseconds>(time.tv_sec) * ns_per_s + static_cast<Nanoseconds>(time.tv_nsec);
}

}  // namespace sluice::server
