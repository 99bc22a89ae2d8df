#include "daemon/backends/opencl/pocl_handles.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cstring>

namespace sluice::backend::opencl {
namespace {

using Release = void (*)(void*);

std::atomic<bool> keep{false};

// For dl_iterate_phdr: stops at PoCL's library and notes its path.
int is_pocl(dl_phdr_info* module, std::size_t, void* path) {
  if (std::strstr(module->dlpi_name, "/libpocl.so") == nullptr) return 0;
  *static_cast<const char**>(path) = module->dlpi_name;
  return 1;
}

// Null if PoCL is not loaded: then nobody calls.
Release pocls_own() {
  const char* path = nullptr;
  dl_iterate_phdr(is_pocl, static_cast<void*>(&path));
  void* const library = path != nullptr ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
  return library != nullptr ? reinterpret_cast<Release>(dlsym(library, "pocl_release_dlhandle_cache")) : nullptr;
}

}  // namespace

void keep_kernel_handles() { keep.store(true, std::memory_order_relaxed); }

}  // namespace sluice::backend::opencl

void pocl_release_dlhandle_cache(void* used) {
  using namespace sluice::backend::opencl;
  if (keep.load(std::memory_order_relaxed)) return;
  static const Release release = pocls_own();
  if (release != nullptr) release(used);
}
