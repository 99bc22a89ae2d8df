// BuildWatch: bounds what compilers take, which run inside the worker: processor time of one build, and memory.
//
// A build begins and ends on the thread that compiles; the control thread looks meanwhile. Time is the processor time
// of the thread, so that a build that waits for another, or for a busy machine, is not held against the program.
#pragma once

#include <time.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sluice::worker {

struct BuildLimits {
  Nanoseconds cpu_ns = 120 * ns_per_s;
  std::uint64_t memory_bytes = 3ull << 29;
  static BuildLimits none() { return {UINT64_MAX, UINT64_MAX}; }
};

class BuildWatch {
 public:
  explicit BuildWatch(BuildLimits limits);

  // ---- on the thread that compiles ----
  void begin();
  void end();

  // ---- by the control thread ----
  // Readable when there is something to look at for which check() was not called yet.
  int fd() const { return begun_.get(); }
  // When to call check() again; -1: fd() says it.
  int timeout_ms() const;
  // Not ok: a build has taken more than it may, and why.
  Status check();

 private:
  struct Build {
    clockid_t clock{};
    Nanoseconds cpu_before_ns = 0;
  };

  const BuildLimits limits_;
  UniqueFd begun_;
  mutable std::mutex mutex_;
  std::map<std::thread::id, Build> underway_;  // guarded by mutex_
  std::uint64_t heap_before_bytes_ = 0;        // when the first of them began; guarded by mutex_
};

}  // namespace sluice::worker
