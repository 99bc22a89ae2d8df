#include "daemon/worker/build_watch.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstddef>
#include <string>

#include "base/units.h"

// tcmalloc's, where the worker is linked with it.
extern "C" int MallocExtension_GetNumericProperty(const char* property, std::size_t* value) __attribute__((weak));

namespace sluice::worker {
namespace {

constexpr int look_again_ms = 100;

// Needs no file: a worker in its jail may have no /proc.
std::uint64_t heap_bytes() {
  std::size_t bytes = 0;
  if (MallocExtension_GetNumericProperty != nullptr &&
      MallocExtension_GetNumericProperty("generic.current_allocated_bytes", &bytes) != 0)
    return bytes;
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

Nanoseconds read_clock(clockid_t clock) {
  timespec now{};
  if (clock_gettime(clock, &now) != 0) return 0;
  return static_cast<Nanoseconds>(now.tv_sec) * ns_per_s + static_cast<Nanoseconds>(now.tv_nsec);
}

}  // namespace

BuildWatch::BuildWatch(BuildLimits limits) : limits_(limits), begun_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void BuildWatch::begin() {
  Build build;
  if (pthread_getcpuclockid(pthread_self(), &build.clock) != 0) return;
  build.cpu_before_ns = read_clock(build.clock);
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = underway_.empty();
    if (first) heap_before_bytes_ = heap_bytes();
    underway_[std::this_thread::get_id()] = build;
  }
  const std::uint64_t one = 1;
  if (first) (void)!::write(begun_.get(), &one, sizeof one);
}

void BuildWatch::end() {
  const std::lock_guard lock(mutex_);
  underway_.erase(std::this_thread::get_id());
}

int BuildWatch::timeout_ms() const {
  const std::lock_guard lock(mutex_);
  return underway_.empty() ? -1 : look_again_ms;
}

Status BuildWatch::check() {
  std::uint64_t count = 0;
  (void)!::read(begun_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  for (const auto& [thread, build] : underway_)
    if (const Nanoseconds now_ns = read_clock(build.clock);
        now_ns > build.cpu_before_ns && now_ns - build.cpu_before_ns > limits_.cpu_ns)
      return Status(Code::exhausted, "a build took longer than " + format_duration(limits_.cpu_ns) +
                                         " of processor time (limits.build_s)");
  const std::uint64_t heap = underway_.empty() ? 0 : heap_bytes();
  if (heap > heap_before_bytes_ && heap - heap_before_bytes_ > limits_.memory_bytes)
    return Status(Code::exhausted,
                  "a build took more than " + format_bytes(limits_.memory_bytes) + " of memory (limits.build_memory)");
  return Status();
}

}  // namespace sluice::worker
