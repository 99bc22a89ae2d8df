// BuildSaver: takes the binaries of fresh builds out of the driver and puts them into the cache, while the session is
// idle.
//
// Asking a driver for a binary can be slow: PoCL compiles every kernel of the program for it, some 60 ms each. So it is
// not done inside the build call but once the session has been idle for a while, on a thread that is started with the
// first fresh build and sleeps without a timeout when there is nothing to save.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "daemon/backends/backend.h"
#include "daemon/backends/opencl/api.h"
#include "daemon/backends/opencl/build_cache.h"

namespace sluice::backend::opencl {

// How busy the session is: commands and builds that have not ended, and when the last one did.
struct Activity {
  std::atomic<std::int64_t> in_flight{0};
  std::atomic<Nanoseconds> last_ended_ns{0};
  std::atomic<CompletionSink*> sink{nullptr};  // which knows of commands that wait for their turn

  bool busy() const;
};

// The driver's binary of a built program; empty if it has none that could be loaded.
std::string native_binary(cl_program program);

class BuildSaver {
 public:
  struct Job {
    ProgramHandle program;
    Digest key{};
    BinaryContainer container;  // all but the native binary
    std::size_t kernels = 0;
  };

  // Both outlive the saver.
  BuildSaver(const Activity& activity, const BuildCache& cache) : activity_(activity), cache_(cache) {}
  ~BuildSaver();

  // Once, after the first save, on the saver's thread. REQUIRES: before any add().
  void tidy_after_save(std::function<void()> tidy) { tidy_ = std::move(tidy); }

  // Thread-safe. If very many wait already, the build is not saved.
  void add(Job job);

  // The program has gone: saves small builds at once, until the deadline.
  void drain(Nanoseconds deadline_ns);

 private:
  void run();
  // Sleeps until the session has been idle long enough; false: asked to stop. REQUIRES: `lock` holds mutex_.
  bool wait_for_idle(std::unique_lock<std::mutex>& lock);
  void save(Job& job) const;

  const Activity& activity_;
  const BuildCache& cache_;
  std::function<void()> tidy_;  // the saver's thread's, from the first add() on
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // guarded by mutex_, and so is what follows
  bool stopping_ = false;
  bool saving_ = false;
  std::thread thread_;
};

}  // namespace sluice::backend::opencl
