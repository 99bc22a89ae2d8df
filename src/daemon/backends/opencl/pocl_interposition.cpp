#include "daemon/backends/opencl/pocl_interposition.h"

#include <dlfcn.h>

#include "base/log.h"
#include "daemon/backends/opencl/pocl/interposition.h"
#include "wire/transport/futex.h"

namespace sluice::backend::opencl {
namespace {

// Null: this process was started without it.
const Interposition* interposition() {
  static const Interposition* const found = [] {
    auto* const get = reinterpret_cast<GetInterposition*>(dlsym(RTLD_DEFAULT, get_interposition_name));
    return get != nullptr ? get() : nullptr;
  }();
  return found;
}

}  // namespace

void use_interposition(const Quirks& quirks) {
  if (!quirks.miscounts_handles) return;
  if (interposition() == nullptr) {
    log::debug("the driver's known faults are not worked around: the library for it was not preloaded");
    return;
  }
  interposition()->keep_kernel_handles();
  if (interposition()->follow_spinning != nullptr) interposition()->follow_spinning(wire::spinning_pays);
}

void report_driver_compiles(const Quirks& quirks, CompletionSink& sink) {
  if (quirks.compiles_at_launch && interposition() != nullptr) interposition()->report_compiles(sink);
}

std::unique_lock<std::recursive_mutex> hold_broadcasts() {
  if (interposition() == nullptr) return {};
  return std::unique_lock(*interposition()->broadcasting);
}

}  // namespace sluice::backend::opencl
