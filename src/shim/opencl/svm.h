// Shared virtual memory (OpenCL 3.0, section 5.6): memory at one address for program and device.
//
// An allocation is a buffer that the program has no handle of. Its contents lie in the arena, which both processes have
// mapped at the same address where the device offers shared virtual memory at all (Session), so nothing is ever copied
// to keep the two in step, and every sort of sharing up to fine-grained buffers with atomics holds.
#pragma once

#include <cstddef>
#include <optional>

#include "shim/opencl/memory.h"

namespace sluice::opencl {

// A range inside an allocation.
struct SvmRange {
  Ref<_cl_mem> buffer;
  std::size_t offset = 0;  // in the buffer
};

// Where a range of bytes lies; nothing if it is not wholly inside one allocation of the context. Thread-safe.
std::optional<SvmRange> find_svm(const _cl_context& context, const void* pointer, std::size_t bytes);

}  // namespace sluice::opencl
