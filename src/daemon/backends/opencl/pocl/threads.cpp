// Not linked where a sanitizer defines the same functions.
#include "daemon/backends/opencl/pocl/threads.h"

#include <pthread.h>

#include "daemon/backends/opencl/pocl/code.h"
#include "wire/transport/futex.h"

namespace sluice::backend::opencl {
namespace {

std::atomic<unsigned> broadcasts{0};
std::atomic<const std::atomic<bool>*> worker_pays{nullptr};

// The library has a flag of its own, which its spins go by.
void take_over_flag() {
  const auto* const pays = worker_pays.load(std::memory_order_acquire);
  const bool now = pays == nullptr || pays->load(std::memory_order_relaxed);
  if (wire::spinning_pays.load(std::memory_order_relaxed) != now)
    wire::spinning_pays.store(now, std::memory_order_relaxed);
}

}  // namespace

void follow_spinning(const std::atomic<bool>& pays) { worker_pays.store(&pays, std::memory_order_release); }

}  // namespace sluice::backend::opencl

extern "C" [[gnu::visibility("default")]] int pthread_cond_broadcast(pthread_cond_t* condition) {
  using namespace sluice::backend::opencl;
  static auto* const broadcast = c_librarys_own<int(pthread_cond_t*)>("pthread_cond_broadcast");
  broadcasts.fetch_add(1, std::memory_order_release);  // pairs with pthread_cond_wait
  return broadcast(condition);
}

// POSIX lets a wait return for no reason, so every caller looks again: a broadcast on any condition may end the spin.
extern "C" [[gnu::visibility("default")]] int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  using namespace sluice::backend::opencl;
  static auto* const wait = c_librarys_own<int(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait");
  thread_local PluginCode plugins("/libpocl-devices-");
  if (!plugins.holds(__builtin_return_address(0))) return wait(condition, mutex);
  const unsigned seen = broadcasts.load(std::memory_order_acquire);
  const auto called = [&] { return broadcasts.load(std::memory_order_acquire) != seen; };
  pthread_mutex_unlock(mutex);
  static sluice::wire::SpinHabit habit;
  sluice::wire::PoliteSpin spin(habit);
  const auto spins = [&] {
    take_over_flag();
    return spin.again();
  };
  while (!called() && spins()) continue;
  if (const int error = pthread_mutex_lock(mutex); error != 0) return error;
  // What the caller waits for changes under the mutex, and a broadcast follows: if none has come, none is missed.
  return called() ? 0 : wait(condition, mutex);
}
