#include "daemon/backends/opencl/pocl/compiles.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/contract.h"
#include "daemon/backends/opencl/pocl/code.h"
#include "daemon/backends/opencl/pocl/lookup_turns.h"

namespace sluice::backend::opencl {
namespace {

std::atomic<CompletionSink*> told{nullptr};

LookupTurns turns;

// What this thread is doing.
enum class Launch : std::uint8_t { none, looks_for_kernel, compiles };
thread_local Launch launch = Launch::none;

void* look_for_kernel(void* command, unsigned retain, int specialize) {
  static auto* const own = pocls_own<void*(void*, unsigned, int)>("pocl_check_kernel_dlhandle_cache");
  return own != nullptr ? own(command, retain, specialize) : nullptr;
}

// Of the launch on this thread, or its wait for a compiler. REQUIRES: it has not begun yet.
void begin_compile() {
  SLUICE_REQUIRE(launch != Launch::compiles);
  auto* const sink = told.load(std::memory_order_acquire);
  if (sink == nullptr) return;
  launch = Launch::compiles;
  sink->begin_launch_compile();
}

void* look_for_launch(void* command, unsigned retain, int specialize) {
  launch = Launch::looks_for_kernel;
  if (!turns.try_for_launch()) {
    begin_compile();
    turns.wait_for_launch();
  }
  void* const found = look_for_kernel(command, retain, specialize);
  turns.end();
  if (std::exchange(launch, Launch::none) == Launch::compiles)
    told.load(std::memory_order_acquire)->end_launch_compile();
  return found;
}

void* look_for_binary(void* command, unsigned retain, int specialize) {
  turns.wait_for_other();
  void* const found = look_for_kernel(command, retain, specialize);
  turns.end();
  return found;
}

}  // namespace

void report_compiles(CompletionSink& sink) { told.store(&sink, std::memory_order_release); }

}  // namespace sluice::backend::opencl

// PoCL has let go of its locks when it returns.
void* pocl_check_kernel_dlhandle_cache(void* command, unsigned retain, int specialize) {
  using namespace sluice::backend::opencl;
  // The other plugin's is no launch: it compiles what a binary is made of.
  thread_local PluginCode launcher("/libpocl-devices-pthread");
  return launcher.holds(__builtin_return_address(0)) ? look_for_launch(command, retain, specialize)
                                                     : look_for_binary(command, retain, specialize);
}

int access(const char* path, int mode) noexcept {
  using namespace sluice::backend::opencl;
  static auto* const own = c_librarys_own<int(const char*, int)>("access");
  const int result = own(path, mode);
  if (launch != Launch::looks_for_kernel || result == 0) return result;
  const int error = errno;
  begin_compile();
  errno = error;
  return result;
}
