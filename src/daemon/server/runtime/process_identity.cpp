#include "daemon/server/runtime/process_identity.h"

#include <charconv>
#include <string>

#include "daemon/server/runtime/files.h"
#include "daemon/server/runtime/process.h"

namespace sluice::server {
namespace {

constexpr int start_time_field = 22;  // of /proc/PID/stat, see proc(5)

}  // namespace

std::uint64_t start_ticks_of(pid_t pid) {
  const std::string stat = read_kernel_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t after_name = stat.rfind(')');  // the name may hold anything, also blanks and brackets
  if (after_name == std::string::npos) return 0;
  std::size_t at = after_name + 2;
  for (int field = 3; field < start_time_field && at != std::string::npos; ++field) {
    const std::size_t blank = stat.find(' ', at);
    at = blank == std::string::npos ? blank : blank + 1;
  }
  std::uint64_t ticks = 0;
  if (at < stat.size()) (void)std::from_chars(stat.data() + at, stat.data() + stat.size(), ticks);
  return ticks;
}

// Compared after the pidfd is open: from then on the number cannot come to mean another process without that one having
// ended, which the pidfd tells.
UniqueFd open_same_process(pid_t pid, std::uint64_t start_ticks) {
  if (start_ticks == 0) return {};
  UniqueFd pidfd = open_pidfd(pid);
  if (pidfd.valid() && start_ticks_of(pid) != start_ticks) pidfd.reset();
  return pidfd;
}

}  // namespace sluice::server
