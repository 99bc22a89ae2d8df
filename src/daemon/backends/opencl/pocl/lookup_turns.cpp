#include "daemon/backends/opencl/pocl/lookup_turns.h"

#include <chrono>

namespace sluice::backend::opencl {
namespace {

// What a look takes that finds its kernel in memory, several times over; less than to hand the device to another
// tenant.
constexpr std::chrono::microseconds patience(200);

}  // namespace

bool LookupTurns::try_for_launch() {
  std::unique_lock lock(mutex_);
  if (!taken_) return taken_ = true;
  ++launches_;
  const bool mine = ended_.wait_for(lock, patience, [this] { return !taken_; });
  // Else it still counts as waiting, until wait_for_launch().
  if (mine) {
    --launches_;
    taken_ = true;
  }
  return mine;
}

void LookupTurns::wait_for_launch() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return !taken_; });
  --launches_;
  taken_ = true;
}

void LookupTurns::wait_for_other() {
  std::unique_lock lock(mutex_);
  ++others_;
  ended_.wait(lock, [this] { return !taken_ && launches_ == 0; });
  --others_;
  taken_ = true;
}

void LookupTurns::end() {
  const std::lock_guard lock(mutex_);
  taken_ = false;
  if (launches_ + others_ != 0) ended_.notify_all();
}

}  // namespace sluice::backend::opencl
