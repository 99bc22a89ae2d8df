#include "daemon/backends/opencl/pocl_stand_ins.h"

#include <atomic>

#include "daemon/backends/opencl/pocl_code.h"

namespace sluice::backend::opencl {
namespace {

std::atomic<bool> keep_handles{false};
// Recursive: a command that fails takes along those that wait for it.
std::recursive_mutex broadcasting;

}  // namespace

void keep_kernel_handles() { keep_handles.store(true, std::memory_order_relaxed); }

std::unique_lock<std::recursive_mutex> hold_broadcasts() { return std::unique_lock(broadcasting); }

}  // namespace sluice::backend::opencl

void pocl_release_dlhandle_cache(void* used) {
  using namespace sluice::backend::opencl;
  if (keep_handles.load(std::memory_order_relaxed)) return;
  static auto* const release = pocls_own<void(void*)>("pocl_release_dlhandle_cache");
  if (release != nullptr) release(used);
}

void pocl_broadcast(cl_event ended) {
  using namespace sluice::backend::opencl;
  static auto* const broadcast = pocls_own<void(cl_event)>("pocl_broadcast");
  const auto alone = hold_broadcasts();
  if (broadcast != nullptr) broadcast(ended);
}
