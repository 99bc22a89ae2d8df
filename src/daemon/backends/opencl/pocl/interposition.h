// The library that is preloaded into workers of PoCL 3.1, as the backend sees it.
//
// PoCL's device drivers are plugins that find functions through the dynamic linker, which looks in a preloaded library
// before PoCL's own and the C library. So the library defines functions of the same names, which do more or less, and
// call the original ones: stand_ins.cpp and compiles.cpp (PoCL's), compiles.cpp and threads.cpp (the C library's).
// Until the backend calls it, the library changes nothing that PoCL does.
//
// driver_environment.cpp says for which driver it is preloaded. Programs that the worker starts, such as the linker
// that PoCL runs, do not load it.
#pragma once

#include <atomic>
#include <mutex>

#include "daemon/backends/backend.h"

namespace sluice::backend::opencl {

struct Interposition {
  // See stand_ins.h.
  void (*keep_kernel_handles)() = nullptr;
  std::recursive_mutex* broadcasting = nullptr;
  // See compiles.h.
  void (*report_compiles)(CompletionSink& sink) = nullptr;
  // `pays`: the worker's wire::spinning_pays, which outlives every thread. See threads.cpp.
  void (*follow_spinning)(const std::atomic<bool>& pays) = nullptr;
};

// The library's only function of its own: get_interposition() by this name.
using GetInterposition = const Interposition*();
inline constexpr char get_interposition_name[] = "sluice_pocl_interposition";

}  // namespace sluice::backend::opencl
