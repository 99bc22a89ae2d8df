#include "daemon/backends/opencl/pocl/stand_ins.h"

#include <atomic>

#include "daemon/backends/opencl/pocl/code.h"

namespace sluice::backend::opencl {
namespace {

std::atomic<bool> keep_handles{false};

}  // namespace

std::recursive_mutex broadcasting;

void keep_kernel_handles() { keep_handles.store(true, std::memory_order_relaxed); }

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
  const std::lock_guard alone(broadcasting);
  if (broadcast != nullptr) broadcast(ended);
}
