// Shared virtual memory (OpenCL 3.0, section 5.6): memory at one address for program and device. The allocations of one
// context, which owns them: the API names a context, or a queue or kernel of one, with each pointer.
//
// An allocation is a buffer that the program has no handle of. Its contents lie in the arena, which both processes have
// mapped at the same address where the device offers shared virtual memory at all (Session), so nothing is ever copied
// to keep the two in step, and every sort of sharing up to fine-grained buffers with atomics holds. Like every memory
// object, an allocation keeps its context until it is freed.
#pragma once

#include <CL/cl.h>

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>

#include "shim/opencl/object.h"

namespace sluice::opencl {

// A range inside an allocation.
struct SvmRange {
  Ref<_cl_mem> buffer;
  std::size_t offset = 0;  // in the buffer
};

// Thread-safe.
class SvmAllocations {
 public:
  SvmAllocations();
  ~SvmAllocations();

  // Where its contents lie, for the program. REQUIRES: they lie in the arena.
  void* add(Ref<_cl_mem> buffer);
  // Takes away the allocation that begins there; empty if none does.
  Ref<_cl_mem> take(const void* pointer);
  // Where a range of bytes lies; nothing if it is not wholly inside one allocation.
  std::optional<SvmRange> find(const void* pointer, std::size_t bytes) const;

 private:
  mutable std::mutex mutex_;
  std::map<const std::byte*, Ref<_cl_mem>> by_address_;  // guarded by mutex_
};

}  // namespace sluice::opencl
