// Finding one's way among PoCL's libraries, for the functions that are interposed.
#pragma once

#include <dlfcn.h>
#include <link.h>

#include <cstddef>
#include <cstring>

namespace sluice::backend::opencl {

// For dl_iterate_phdr: stops at PoCL's library and notes its path.
inline int find_pocl(dl_phdr_info* module, std::size_t, void* path) {
  if (std::strstr(module->dlpi_name, "/libpocl.so") == nullptr) return 0;
  *static_cast<const char**>(path) = module->dlpi_name;
  return 1;
}

// PoCL's own function. Null if PoCL is not loaded: then there are no callers.
template <typename Function>
Function* pocls_own(const char* name) {
  const char* path = nullptr;
  dl_iterate_phdr(find_pocl, static_cast<void*>(&path));
  void* const library = path != nullptr ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
  return library != nullptr ? reinterpret_cast<Function*>(dlsym(library, name)) : nullptr;
}

template <typename Function>
Function* c_librarys_own(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Says of code whether it is in one of PoCL's plugins. One for each place that asks, and each thread: it asks of the
// same code again and again.
class PluginCode {
 public:
  // `file`: how the plugin's name begins.
  explicit PluginCode(const char* file) : file_(file) {}
  bool holds(const void* code) {
    if (code == asked_) return answer_;
    Dl_info found{};
    answer_ = dladdr(code, &found) != 0 && std::strstr(found.dli_fname, file_) != nullptr;
    asked_ = code;
    return answer_;
  }

 private:
  const char* file_;
  const void* asked_ = nullptr;
  bool answer_ = false;
};

}  // namespace sluice::backend::opencl
