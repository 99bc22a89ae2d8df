#include "daemon/backends/opencl/pocl_stand_ins.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cstring>

namespace sluice::backend::opencl {
namespace {

std::atomic<bool> keep_handles{false};
// Recursive: a command that fails takes along those that wait for it.
std::recursive_mutex broadcasting;

// For dl_iterate_phdr: stops at PoCL's library and notes its path.
int is_pocl(dl_phdr_info* module, std::size_t, void* path) {
  if (std::strstr(module->dlpi_name, "/libpocl.so") == nullptr) return 0;
  *static_cast<const char**>(path) = module->dlpi_name;
  return 1;
}

// PoCL's own function. Null if PoCL is not loaded: then nobody calls.
template <typename Function>
Function* pocls_own(const char* name) {
  const char* path = nullptr;
  dl_iterate_phdr(is_pocl, static_cast<void*>(&path));
  void* const library = path != nullptr ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
  return library != nullptr ? reinterpret_cast<Function*>(dlsym(library, name)) : nullptr;
}

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
