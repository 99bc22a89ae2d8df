// LookupTurns: one thread at a time looks for a compiled kernel, and launches go first.
//
// PoCL has a mutex around the look, and around the compile that may follow. A mutex does not tell that a thread waits
// for it, and has no order: a thread that compiles all kernels of a program for its binary takes it again at once, and
// a launch waits for every one of them.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>

namespace sluice::backend::opencl {

class LookupTurns {
 public:
  // A launch's. False: the turn is long in coming. Then wait_for_launch() is to follow.
  bool try_for_launch();
  void wait_for_launch();
  // Anything else's: after all launches that wait.
  void wait_for_other();
  void end();

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool taken_ = false;                  // guarded by mutex_, and so is what follows
  unsigned launches_ = 0, others_ = 0;  // that wait
};

}  // namespace sluice::backend::opencl
