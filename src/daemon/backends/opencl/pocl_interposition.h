// The way from the backend to the library that is preloaded into workers of PoCL (pocl/interposition.h).
#pragma once

#include <mutex>

#include "daemon/backends/opencl/quirks.h"

namespace sluice::backend {
class CompletionSink;
}

namespace sluice::backend::opencl {

// Switches on what the driver's quirks call for. Without the library it does nothing, and says so in the log.
void use_interposition(const Quirks& quirks);
void report_driver_compiles(const Quirks& quirks, CompletionSink& sink);

// While it is held, no command that ends on another thread tells those that wait for it (pocl/stand_ins.h). Holds
// nothing without the library.
std::unique_lock<std::recursive_mutex> hold_broadcasts();

}  // namespace sluice::backend::opencl
